/** Workers of a sweep that do not do what they should. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../package.js';
import { vocabulary } from '../tasks/vocabulary.js';
import { pathpress, temporaryFolder } from './harness.mjs';
import { writeTinyModel } from './tiny-model.mjs';

const built = existsSync(join(packageRoot, 'dist', 'sweep', 'worker.js')); // workers are processes of their own
const listed = existsSync('/proc/self/task'); // by the system, so that a test finds them
const folder = temporaryFolder();
const inside = (name: string): string => join(folder.path, name);
beforeAll(() => writeTinyModel(inside('tiny'), [...vocabulary]));
afterAll(folder.remove);

function fileOf(maxTokens: number): string {
  const path = inside(`${maxTokens}.json`);
  const tasks = [{ name: 'loops', problems: 7, samplesPerProblem: 2 }];
  const sampling = { maxTokens, temperature: 0.9, ignoreEos: true };
  writeFileSync(path, JSON.stringify({ name: 'small', models: [inside('tiny')], tasks, policies: [{ name: 'full' }], sampling }));
  return path;
}

describe.skipIf(!built || !listed)('a sweep (needs a build)', { timeout: 300_000 }, () => {
  it('stops when it is interrupted though a worker hangs', async () => {
    const file = fileOf(3000);
    const out = inside('hung');
    const stop = new AbortController();
    const run = pathpress(['sweep', file, '--out', out, '--batch', 2, '--workers', 1], stop.signal);
    const workers = (): number[] =>
      readdirSync('/proc/self/task').flatMap((thread) => readFileSync(`/proc/self/task/${thread}/children`, 'utf8').trim().split(/\s+/).filter(Boolean).map(Number))
        .filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('sweep/worker.js')); // prettier-ignore
    while (workers().length === 0) await new Promise((wake) => setTimeout(wake, 5));
    for (const pid of workers()) process.kill(pid, 'SIGSTOP');
    stop.abort();
    expect((await run).status).toBe(130);
  });

  it('gives up on a piece that kills every worker, and names it', async () => {
    const out = inside('gone');
    const child = spawn(process.execPath, [join(packageRoot, 'dist', 'cli.js'), 'sweep', fileOf(90), '--out', out, '--workers', '1'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let err = '';
    child.stderr.on('data', (text) => (err += String(text)));
    const kill = setInterval(() => {
      try {
        const own = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(/\s+/).filter(Boolean);
        for (const pid of own) process.kill(Number(pid), 'SIGKILL');
      } catch {
        // No worker at this moment.
      }
    }, 20);
    const status = await new Promise((resolve) => child.on('close', resolve));
    clearInterval(kill);
    expect({ status, err }).toEqual({ status: 1, err: expect.stringContaining('3 workers died at loops with {"name":"full"} from problem 0 on; the last by SIGKILL') });
  });
});
