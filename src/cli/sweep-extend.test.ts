import { createHash } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Manifest } from '../sweep/manifest.js';
import { packageRoot } from '../package.js';
import { vocabulary } from '../tasks/vocabulary.js';
import { pathpress, temporaryFolder } from './harness.mjs';
import { writeTinyModel } from './tiny-model.mjs';

const built = existsSync(join(packageRoot, 'dist', 'sweep', 'worker.js')); // workers are processes of their own
const folder = temporaryFolder();
const inside = (...parts: string[]): string => join(folder.path, ...parts);
const small = {
  name: 'growing',
  models: [inside('one')],
  tasks: [{ name: 'loops', problems: 4 }],
  policies: [{ name: 'full' }, { name: 'rpc', interval: 32, window: 8, ratio: 2 }],
  seeds: [3],
  sampling: { maxTokens: 60, temperature: 0.9, ignoreEos: true },
};
/** More of everything; what was `rpc` has another name in it. */
const large = {
  ...small,
  models: [inside('two'), inside('one')],
  tasks: [{ name: 'chains', split: 'test', problems: 3 }, { name: 'loops', problems: 6, samplesPerProblem: 2 }],
  policies: [{ name: 'rpc', interval: 32, window: 8, ratio: [4, 2] }, { name: 'recency', interval: 32, window: 8 }, { name: 'full' }],
  seeds: [4, 3],
};
const samples = 2 * 2 * 4 * (3 + 12);

function fileOf(content: object, name: string): string {
  writeFileSync(inside(name), JSON.stringify(content));
  return inside(name);
}
const manifestOf = (out: string): Manifest => JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8')) as Manifest;
const untimed = (out: string): Record<string, string[]> =>
  Object.fromEntries(
    readdirSync(join(out, 'cells')).map((name) => {
      const lines = readFileSync(join(out, 'cells', name), 'utf8').split('\n').slice(0, -1);
      return [name, lines.map((line) => line.replace(/"seconds":\{[^}]*\}/, '')).sort()];
    }),
  );

beforeAll(() => {
  writeTinyModel(inside('one'), [...vocabulary]);
  writeTinyModel(inside('two'), [...vocabulary, 'more']);
});
afterAll(folder.remove);

describe.skipIf(!built)('sweep --extend (needs a build)', { timeout: 300_000 }, () => {
  const out = inside('grown');
  const run = (content: object, to: string, ...more: string[]) => pathpress(['sweep', fileOf(content, 'sweep.json'), '--out', to, ...more]);
  beforeAll(async () => {
    expect((await run(small, out)).status).toBe(0);
    cpSync(out, inside('begun'), { recursive: true });
  }, 300_000);

  it('is asked for where a folder holds less of the same, and writes nothing with --check', async () => {
    const before = readFileSync(join(out, 'manifest.json'), 'utf8');
    const { status, err } = await run(large, out);
    expect({ status, err }).toEqual({ status: 2, err: expect.stringMatching(/grown holds part of this sweep: .*; --extend goes on with it/) });
    const checked = await run(large, out, '--extend', '--check', '--json');
    expect(checked.status, checked.err).toBe(0);
    expect(JSON.parse(checked.out)).toMatchObject({ samples, cells: 32 });
    expect(readFileSync(join(out, 'manifest.json'), 'utf8')).toBe(before);
  });

  it('keeps what is there, leaves what one run of the larger file leaves, and says that it grew', async () => {
    const { status, out: printed, err } = await run(large, out, '--extend', '--json');
    expect(status, err).toBe(0);
    expect(JSON.parse(printed)).toMatchObject({ done: samples, total: samples, ran: samples - 8 });
    expect((await run(large, inside('whole'))).status).toBe(0);
    expect(untimed(out)).toEqual(untimed(inside('whole')));
    for (const [name, lines] of Object.entries(untimed(inside('begun')))) expect(untimed(out)[name]).toEqual(expect.arrayContaining(lines));
    const { sweep, ...rest } = manifestOf(out);
    const file = createHash('sha256').update(JSON.stringify(small)).digest('hex');
    expect(sweep.earlier).toEqual([{ file, samples: 8 }]);
    expect(rest).toEqual((({ sweep: _, ...others }) => others)(manifestOf(inside('whole'))));
    // The same file goes on without the flag, and status tells.
    expect(JSON.parse((await run(large, out, '--json')).out)).toMatchObject({ ran: 0 });
    expect((await pathpress(['sweep', 'status', out])).out).toContain('its file grew after 8 samples');
    expect(JSON.parse((await pathpress(['sweep', 'status', out, '--json'])).out)).toMatchObject({ grewAfter: [8], samples: { done: samples } });
  });

  it.each<[string, object, string]>([
    ['fewer problems', { tasks: [{ name: 'loops', problems: 3 }], seeds: [3, 4] }, 'cells[0].problems 4, not 3'],
    ['more problems at another temperature', { tasks: [{ name: 'loops', problems: 5 }], sampling: { ...small.sampling, temperature: 0.8 } }, 'cells[0].settings.sampling.temperature 0.9, not 0.8'],
    ['more problems of another split', { tasks: [{ name: 'loops', split: 'test', problems: 5 }] }, 'cells[0].settings.split "tune", not "test"'],
    ['a policy less', { policies: [{ name: 'full' }] }, 'cells[1].settings.policy.name "rpc", not "full"'],
    ['another seed', { seeds: [4] }, 'cells[0].settings.seed 3, not 4'],
    ['another window', { policies: [{ name: 'full' }, { name: 'rpc', interval: 32, window: 16, ratio: 2 }] }, 'cells[1].settings.policy.window 8, not 16'],
    ['longer samples', { sampling: { ...small.sampling, maxTokens: 61 } }, 'cells[0].settings.maxTokens 60, not 61'],
    ['another name', { name: 'other', seeds: [3, 4] }, 'name "growing", not "other"'],
  ])('refuses %s, and says what differs', async (_, change, said) => {
    const { status, err } = await run({ ...small, ...change }, inside('begun'), '--extend');
    expect({ status, err }).toEqual({ status: 2, err: expect.stringContaining(said) });
    expect(err).toContain('give another --out');
    expect(manifestOf(inside('begun')).sweep.earlier).toBeUndefined();
  });

  it('does not count as growth what adds no sample', async () => {
    cpSync(inside('begun'), inside('renamed'), { recursive: true });
    const policies = [{ name: 'rpc', arm: 'compressed', interval: 32, window: 8, ratio: 2 }, { name: 'full' }];
    const { status, err } = await run({ ...small, policies }, inside('renamed'), '--extend');
    expect(status, err).toBe(0);
    expect(manifestOf(inside('renamed')).cells.map(({ arm }) => arm)).toEqual(['compressed', 'full']);
    expect(manifestOf(inside('renamed')).sweep.earlier).toBeUndefined();
  });

  it('writes nothing where the folder holds a file of no cell', async () => {
    cpSync(inside('begun'), inside('stray'), { recursive: true });
    writeFileSync(inside('stray', 'cells', 'a.txt'), 'dear');
    const { status, err } = await run(large, inside('stray'), '--extend');
    expect({ status, err }).toEqual({ status: 2, err: expect.stringContaining('a.txt: no cell of this sweep') });
    expect(manifestOf(inside('stray'))).toEqual(manifestOf(inside('begun')));
  });

  it('refuses shards, whose shares depend on all cells, and a task that was changed', async () => {
    expect((await run(large, inside('begun'), '--extend', '--shard', '1/2')).err).toContain('give another --out');
    const changed = manifestOf(inside('begun'));
    changed.tasks[0]!.hash = 'a'.repeat(64);
    cpSync(inside('begun'), inside('changed'), { recursive: true });
    writeFileSync(inside('changed', 'manifest.json'), JSON.stringify(changed));
    expect((await run(large, inside('changed'), '--extend')).err).toContain('give another --out');
  });
});
