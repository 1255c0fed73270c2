import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { pathpress, temporaryFolder } from './harness.mjs';

const folder = temporaryFolder();
afterAll(folder.remove);
afterEach(() => vi.unstubAllGlobals());

const into = (name: string) => ['model', 'fetch', 'minilm', '--out', join(folder.path, name), '--json'];
const left = (name: string) => {
  const at = join(folder.path, name);
  return existsSync(at) ? readdirSync(at) : [];
};

// No test goes to the network: what the server would say is put in fetch's place.
describe('model fetch', () => {
  it('asks for the pinned revision, and fails with 1 where there is no network', async () => {
    const asked: string[] = [];
    vi.stubGlobal('fetch', async (url: string) => {
      asked.push(url);
      throw new TypeError('fetch failed', { cause: new Error('getaddrinfo ENOTFOUND') });
    });
    const { status, out, err } = await pathpress(into('offline'));
    expect({ status, out }, err).toEqual({ status: 1, out: '' });
    expect(err).toMatch(/^error: .*tokenizer\.json: cannot be fetched \(getaddrinfo ENOTFOUND\).*\(FETCH_FAILED\)\n$/);
    expect(asked).toEqual([expect.stringMatching(/all-MiniLM-L6-v2\/resolve\/[0-9a-f]{40}\/tokenizer\.json$/)]);
    expect(left('offline')).toEqual([]);
  });

  it('keeps nothing of what has another checksum', async () => {
    vi.stubGlobal('fetch', async () => new Response('something else'));
    const { status, out, err } = await pathpress(into('other'));
    expect({ status, out }, err).toEqual({ status: 1, out: '' });
    expect(err).toContain('SHA-256');
    expect(left('other')).toEqual([]);
  });

  it('ends with 130 when it is interrupted', async () => {
    const stop = new AbortController();
    vi.stubGlobal('fetch', async (_: string, { signal }: { signal: AbortSignal }) => {
      stop.abort();
      signal.throwIfAborted();
    });
    expect(await pathpress(into('stopped'), stop.signal)).toEqual({ status: 130, out: '', err: '' });
    expect(left('stopped')).toEqual([]);
  });
});
