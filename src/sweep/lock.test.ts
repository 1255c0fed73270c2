import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { alive, lockName, readState, RunLock, type RunState } from './lock.js';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'pathpress-lock-'))));
afterEach(() => rmSync(folder, { recursive: true }));

const { pid: gone } = spawnSync(process.execPath, ['--version']); // a process that has ended
const state = (change: Partial<RunState> = {}): RunState => ({
  pid: process.pid, host: hostname(), started: Date.now(), updated: Date.now(), before: 0, done: 3, total: 9, tokens: 7, ended: false, ...change,
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
    expect(() => new RunLock(folder)).toThrow(`process ${left.pid} on ${left.host} is at work there`);
    expect(JSON.parse(readFileSync(join(folder, lockName), 'utf8'))).toEqual(left);
  });
});
