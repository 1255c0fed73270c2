import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packageRoot } from './package.js';
import { alive, lockName, readState, refuseBusy, RunLock, type RunState } from './run-lock.js';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'pathpress-lock-'))));
afterEach(() => rmSync(folder, { recursive: true }));

const { pid: gone } = spawnSync(process.execPath, ['--version']); // a process that has ended
const hasProc = existsSync('/proc/self/stat');
/** Field 22 of proc_pid_stat(5); the names of the processes here hold no blank. */
const bornAt = (pid: number): string | undefined => (hasProc ? readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[21] : undefined);
const state = (change: Partial<RunState> = {}): RunState => ({
  pid: process.ppid, born: bornAt(process.ppid), host: hostname(), started: Date.now(), updated: Date.now(), before: 0, done: 3, total: 9, tokens: 7, ended: false, ...change,
}); // prettier-ignore
const leave = (left: RunState | string): void =>
  writeFileSync(join(folder, lockName), typeof left === 'string' ? left : JSON.stringify(left));

describe('the lock of a sweep’s folder', () => {
  it('lets one run in at a time, and the next when that has ended', () => {
    const lock = new RunLock(folder);
    expect(() => new RunLock(folder)).toThrow(expect.objectContaining({ code: 'BUSY', exitStatus: 2 }));
    lock.begin(2, 9);
    lock.tell(5, 70);
    lock.release();
    expect(readState(folder)).toMatchObject({ pid: process.pid, before: 2, done: 5, total: 9, tokens: 70, ended: true });
    new RunLock(folder).release();
    expect(readdirSync(folder)).toEqual([lockName]);
  });

  it.each<[string, RunState | string]>([
    ['whose process has ended', state({ pid: gone })],
    ['of another machine, silent for long', state({ host: 'elsewhere', updated: Date.now() - 10 * 60_000 })],
    ['that ended by itself', state({ ended: true })],
    ['that a kill cut short', '{"pid": 1, "ho'],
    ['that had this process’s number, as every run in a container has', state({ pid: process.pid })],
    ['whose process’s number another has now, by its silence', state({ born: undefined, updated: Date.now() - 10 * 60_000 })],
    ...(hasProc ? [['whose process’s number another has now, by its birth', state({ born: '1' })] as [string, RunState]] : []),
  ])('is taken over from a run %s', (_, left) => {
    leave(left);
    new RunLock(folder).release();
    expect(readState(folder)).toMatchObject({ pid: process.pid, ended: true });
  });

  it.each<[string, RunState]>([
    ['this machine', state()],
    ['another machine', state({ host: 'elsewhere', pid: gone })],
  ])('is left to a run on %s', (_, left) => {
    leave(left);
    expect(alive(left)).toBe(true);
    expect(() => new RunLock(folder)).toThrow(`process ${left.pid} on ${left.host} is at work there; if it is not, remove ${join(folder, lockName)}`);
    expect(JSON.parse(readFileSync(join(folder, lockName), 'utf8'))).toEqual(left);
  });

  it('tells a run that it has lost the folder, and leaves the state of the other alone', () => {
    const lock = new RunLock(folder);
    lock.check();
    const other = state({ host: 'elsewhere', run: 'other' });
    leave(other);
    expect(() => lock.check()).toThrow(expect.objectContaining({ code: 'BUSY', message: expect.stringContaining('process ' + other.pid + ' on elsewhere has taken it over') }));
    lock.release();
    expect(readState(folder)).toEqual(other);
    rmSync(join(folder, lockName));
    expect(() => lock.check()).toThrow('running.json is gone');
  });

  it('of a file stands beside it, names it, and leaves nothing behind', () => {
    const options = { name: 'a.jsonl.running.json', what: 'a.jsonl' };
    const lock = new RunLock(folder, options);
    new RunLock(folder).remove(); // the folder's own is another
    expect(() => refuseBusy(folder, options)).toThrow(expect.objectContaining({ code: 'BUSY', message: expect.stringContaining(`a.jsonl: process ${process.pid}`) }));
    expect(() => new RunLock(folder, options)).toThrow(`remove ${join(folder, options.name)}`);
    lock.remove();
    refuseBusy(folder, options);
    expect(readdirSync(folder)).toEqual([]);
  });

  const built = join(packageRoot, 'dist', 'run-lock.js'); // racers are processes of their own
  it.skipIf(!existsSync(built))('is taken by one of many processes that come at once', { timeout: 120_000 }, async () => {
    const [racers, rounds, gap] = [4, 60, 25]; // milliseconds between rounds
    for (let round = 0; round < rounds; round++) {
      const place = join(folder, String(round));
      mkdirSync(place);
      // A third of the folders are new, a third were left by a dead run, a third by a run and by an heir that died on the way.
      if (round % 3 === 0) continue;
      writeFileSync(join(place, lockName), JSON.stringify(state({ pid: gone })));
      if (round % 3 === 1) continue;
      const heir = createHash('sha256').update(readFileSync(join(place, lockName))).digest('hex');
      writeFileSync(join(place, `${lockName}.${heir}.part`), JSON.stringify(state({ pid: gone, done: 4 })));
    }
    const program = `
      import { RunLock } from ${JSON.stringify(built)};
      const won = [];
      const start = Number(process.argv[1]);
      for (let round = 0; round < ${rounds}; round++) {
        while (Date.now() < start + round * ${gap});
        try {
          new RunLock(${JSON.stringify(folder)} + '/' + round);
          won.push(round);
        } catch (error) {
          if (error.code !== 'BUSY') throw error;
        }
      }
      process.stdout.write(JSON.stringify(won));
      process.stdin.on('data', () => process.exit(0)); // alive until all have tried`;
    const start = String(Date.now() + 1500);
    const children = Array.from({ length: racers }, () => spawn(process.execPath, ['--input-type=module', '-e', program, start]));
    const won = await Promise.all(
      children.map(async (child) => {
        let said = '';
        child.stderr.on('data', (text) => (said += String(text)));
        const [text] = await Promise.race([once(child.stdout, 'data'), once(child, 'close').then(() => Promise.reject(new Error(said)))]);
        return JSON.parse(String(text)) as number[];
      }),
    );
    for (const child of children) child.stdin.end('go');
    expect(won.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: rounds }, (_, round) => round));
    for (let round = 0; round < rounds; round++) expect(readdirSync(join(folder, String(round)))).toEqual([lockName]);
  });
});
