import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { packageRoot } from '../package.js';
import { run } from './run.js';

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'pathpress-gpu-check-'))));
afterAll(() => rmSync(folder, { recursive: true }));

const check = (...args: string[]) => spawnSync(process.execPath, [join(packageRoot, 'dist', 'gpu-check', 'main.js'), ...args], { encoding: 'utf8' });
const program = (code: string) => ['-e', code];

it('a program’s exit 2 is a failure like any other, unless it was expected', async () => {
  const lines: string[] = [];
  const two = program(`console.log('one'); console.log('two'); process.exitCode = 2`);
  await expect(run(process.execPath, two, (line) => lines.push(line))).rejects.toMatchObject({ code: 'INTERNAL', message: expect.stringContaining('failed (exit 2)') });
  expect(lines).toEqual(['one', 'two']);
  expect(await run(process.execPath, two, () => undefined, [0, 2])).toBe(2);
  await expect(run(process.execPath, program('process.exitCode = 1'), () => undefined, [0, 2])).rejects.toThrowError(/exit 1/);
  await expect(run(join(folder, 'none'), [], () => undefined, [0, 2])).rejects.toThrowError(/none: .*ENOENT/);
});

it('refuses a place for the record of a part, which has none', () => {
  const place = join(folder, 'part.json');
  expect(check('--part', 'ceilings', '--json', place)).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining(`--json ${place}: not with --part`) });
  expect(existsSync(place)).toBe(false);
});

it('names what cannot be read of a run elsewhere', () => {
  const none = check('--from', join(folder, 'nowhere'));
  expect(none).toMatchObject({ status: 2, stdout: '', stderr: expect.stringMatching(/nowhere.bench\.jsonl: ENOENT/) });
  writeFileSync(join(folder, 'bench.jsonl'), '{"part":\n');
  writeFileSync(join(folder, 'tests.txt'), '');
  expect(check('--from', folder)).toMatchObject({ status: 2, stderr: expect.stringMatching(/bench\.jsonl:1: not JSON/) });
});
