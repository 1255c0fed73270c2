/** Messages of the Jupyter wire protocol 5.3: frames signed with HMAC-SHA256. */
import { createHmac, randomUUID } from 'node:crypto';

export interface Message {
  /** Id of the request that this message answers, empty for none. */
  parent: string;
  type: string;
  content: Record<string, unknown>;
}

const delimiter = '<IDS|MSG>';

function sign(key: string, parts: (string | Buffer)[]): string {
  const hmac = createHmac('sha256', key);
  for (const part of parts) hmac.update(part);
  return hmac.digest('hex');
}

/** Frames of a request, and its id. */
export function encodeRequest(key: string, session: string, type: string, content: object): { id: string; frames: string[] } {
  const id = randomUUID();
  const header = { msg_id: id, msg_type: type, session, username: 'pathpress', date: new Date().toISOString(), version: '5.3' };
  const parts = [JSON.stringify(header), '{}', '{}', JSON.stringify(content)];
  return { id, frames: [delimiter, sign(key, parts), ...parts] };
}

/** Reads a message; null for one that is malformed or not signed with our key. */
export function decodeMessage(key: string, frames: Buffer[]): Message | null {
  const at = frames.findIndex((frame) => frame.toString() === delimiter);
  if (at < 0 || frames.length < at + 6) return null;
  const parts = frames.slice(at + 2);
  if (frames[at + 1].toString() !== sign(key, parts)) return null;
  const [header, parent, , content] = parts.map((part) => JSON.parse(part.toString()));
  return { parent: parent.msg_id ?? '', type: header.msg_type, content };
}
