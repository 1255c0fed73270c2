/** Runs the command line within the tests' process, on a tiny model. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { main } from './main.js';

export interface Outcome {
  status: number;
  out: string;
  err: string;
}

export async function pathpress(args: (string | number)[], interrupt = new AbortController().signal): Promise<Outcome> {
  let out = '';
  let err = '';
  const status = await main(args.map(String), {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    interrupt,
  });
  return { status, out, err };
}

export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'pathpress-cli-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
