import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Peer, python } from './peers.js';

const folder = mkdtempSync(join(tmpdir(), 'pathpress-peers-'));
afterAll(() => rmSync(folder, { recursive: true }));
let made = 0;
function peer(...lines: string[]): Peer {
  const script = join(folder, `${made++}.py`);
  writeFileSync(script, lines.join('\n'));
  return new Peer('a peer', script, []);
}

describe.skipIf(spawnSync(python, ['--version']).status !== 0)('a peer', () => {
  it('may end with its last answer', async () => {
    const one = peer('import os', 'input()', `os.write(1, b'{"seconds": 2}\\n')`, 'os._exit(0)');
    expect(await one.ask({ do: 'x' })).toEqual({ seconds: 2 });
    await expect(one.ask({ do: 'x' })).rejects.toMatchObject({ code: 'INTERNAL', message: expect.stringContaining('a peer ended') });
  });

  it('that gives no answer is given up', async () => {
    const one = peer('import time', 'time.sleep(3600)');
    await expect(one.ask({ do: 'x' }, 0.2)).rejects.toMatchObject({ code: 'INTERNAL', message: 'a peer gave no answer in 0.2 s' });
    await expect(one.ask({ do: 'x' })).rejects.toMatchObject({ code: 'INTERNAL' });
  });

  it('says why it failed', async () => {
    await expect(peer('raise SystemExit("no weights")').ask({ do: 'x' })).rejects.toThrow('a peer ended: no weights');
    await expect(peer('input()', `print('{"error": "too long"}')`).ask({ do: 'x' })).rejects.toThrow('too long');
  });
});
