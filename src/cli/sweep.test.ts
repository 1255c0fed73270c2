import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../package.js';
import { vocabulary } from '../tasks/vocabulary.js';
import { pathpress, temporaryFolder } from './harness.mjs';
import { writeTinyModel } from './tiny-model.mjs';

const built = existsSync(join(packageRoot, 'dist', 'sweep', 'worker.js')); // workers are processes of their own
const folder = temporaryFolder();
const inside = (...parts: string[]): string => join(folder.path, ...parts);
const sweepFile = {
  name: 'small',
  models: [inside('one'), inside('two')],
  tasks: [{ name: 'loops', problems: 7, samplesPerProblem: 2 }, { name: 'chains', split: 'test', problems: 5 }],
  policies: [
    { name: 'full' },
    { name: 'rpc', interval: 32, window: 8, ratio: [2, 4] },
    { name: 'random', interval: 32, window: 8, drawSeed: [0, 1] },
  ],
  seeds: [3],
  sampling: { maxTokens: 90, temperature: 0.9, ignoreEos: true },
};
const samples = 2 * 5 * (14 + 5);

function fileOf(content: object = sweepFile, name = 'sweep.json'): string {
  const path = inside(name);
  writeFileSync(path, JSON.stringify(content));
  return path;
}

beforeAll(() => {
  writeTinyModel(inside('one'), [...vocabulary]);
  writeTinyModel(inside('two'), [...vocabulary, 'more']);
});
afterAll(folder.remove);

/** Every file of records by name, its lines in order of problem and sample, the times that they took left out. */
function records(out: string): Record<string, string[]> {
  const cells = readdirSync(join(out, 'cells')).sort();
  const byNumber = (line: string): number => (JSON.parse(line) as { problem: number; sample: number }).problem * 1000 + (JSON.parse(line) as { sample: number }).sample;
  return Object.fromEntries(
    cells.map((name) => {
      const lines = readFileSync(join(out, 'cells', name), 'utf8').split('\n').slice(0, -1);
      return [name, lines.sort((a, b) => byNumber(a) - byNumber(b)).map((line) => line.replace(/"seconds":\{[^}]*\}/, ''))];
    }),
  );
}
const count = (all: Record<string, string[]>): number => Object.values(all).reduce((sum, lines) => sum + lines.length, 0);

describe.skipIf(!built)('sweep (needs a build)', { timeout: 300_000 }, () => {
  const whole = inside('whole');
  beforeAll(async () => {
    const { status, out, err } = await pathpress(['sweep', fileOf(), '--out', whole, '--workers', 2, '--batch', 3, '--json']);
    expect(status, err).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ name: 'small', cells: 20, done: samples, total: samples, ran: samples, interrupted: false });
    expect(err).toMatch(/^small: 20 cells, 120 problems, 190 samples, 17100 tokens at most; 2 workers of \d+ threads?; about .* tokens\/s in a trial/);
  }, 300_000);

  it('leaves a manifest and the records of eval, a file a cell', async () => {
    const manifest = JSON.parse(readFileSync(join(whole, 'manifest.json'), 'utf8'));
    expect(manifest).toMatchObject({ format: 1, sweep: { name: 'small' }, shard: null, models: [{ name: 'one' }, { name: 'two' }] });
    expect(manifest.cells).toHaveLength(20);
    expect(new Set(manifest.cells.map(({ arm }: { arm: string }) => arm))).toEqual(new Set(['full', 'rpc ratio=2', 'rpc ratio=4', 'random']));
    const all = records(whole);
    expect(Object.keys(all)).toEqual(manifest.cells.map(({ id }: { id: string }) => `${id}.jsonl`).sort());
    expect(count(all)).toBe(samples);
    // One cell by eval itself: the same lines.
    const cell = manifest.cells.find(({ arm, settings }: { arm: string; settings: { model: string; task: { name: string } } }) =>
      arm === 'rpc ratio=2' && settings.model === 'two' && settings.task.name === 'loops'); // prettier-ignore
    const out = inside('eval', 'cells', 'r.jsonl');
    mkdirSync(inside('eval', 'cells'), { recursive: true });
    const flags = ['--task', 'loops', '--problems', 7, '--samples-per-problem', 2, '--policy', 'rpc', '--interval', 32, '--window', 8, '--ratio', 2];
    await pathpress(['eval', '--model', inside('two'), ...flags, '--seed', 3, '--temperature', 0.9, '--max-tokens', 90, '--ignore-eos', '--out', out]);
    expect(records(inside('eval'))['r.jsonl']).toEqual(all[`${cell.id}.jsonl`]);
  });

  it('has nothing to do the second time', async () => {
    const before = records(whole);
    const { status, out, err } = await pathpress(['sweep', fileOf(), '--out', whole, '--json']);
    expect(status, err).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ done: samples, ran: 0 });
    expect(err).toContain('about 0 s (nothing is left)');
    expect(records(whole)).toEqual(before);
  });

  it('refuses the folder of another sweep, and one that is none, before anything is written', async () => {
    const other = fileOf({ ...sweepFile, seeds: [4] }, 'other.json');
    const refused = async (out: string, said: string, file = other, ...more: string[]) => {
      const { status, err } = await pathpress(['sweep', file, '--out', out, ...more]);
      expect({ status, err }).toEqual({ status: 2, err: expect.stringContaining(said) });
    };
    await refused(whole, 'whole is of another sweep: cells[0].settings.seed 3, not 4; give another --out');
    await refused(whole, 'no shard, not shard 1/2', fileOf(), '--shard', '1/2');
    mkdirSync(inside('letters'));
    writeFileSync(inside('letters', 'a.txt'), 'dear');
    await refused(inside('letters'), 'letters: holds a.txt and no manifest.json');
    expect(readdirSync(inside('letters'))).toEqual(['a.txt']);
    await refused(inside('letters', 'a.txt'), 'a.txt: not a folder');
    await refused(inside('new'), '--shard', fileOf(), '--shard', '3/2');
    await refused(inside('new'), '--shard', fileOf(), '--shard', '0/2');
    await refused(inside('new'), 'N at most 100000', fileOf(), '--shard', '1/999999999');
    await refused(inside('new'), 'BAD_FILE', inside('none.json'));
    expect(existsSync(inside('new'))).toBe(false);
    expect((await pathpress(['sweep', fileOf()])).err).toContain('--out is missing');
  });

  it.each<[string, object, string]>([
    ['a model that is not there', { models: [inside('one'), inside('none')] }, 'none": no such folder, and no model that comes with the project'],
    ['a model twice', { models: [inside('one'), inside('one')] }, 'stands twice'],
    ['an unknown task', { tasks: [{ name: 'loops' }, { name: 'chess' }] }, 'tasks[1].name "chess": no such task; there are loops, chains, passcode'],
    ['a task twice', { tasks: [{ name: 'loops' }, { name: 'loops', problems: 3 }] }, 'tasks[1] loops tune: stands twice'],
    ['a cap that a prompt does not fit', { policies: [{ name: 'rpc', budget: 'cap', keep: 40 }] }, 'arm "rpc": keep 40: less than the'],
    ['repetitions without randomness', { sampling: { temperature: 0 } }, 'samplesPerProblem: with temperature 0 every repetition is the same'],
    ['a cache that the policy cannot thin out', { policies: [{ name: 'full' }, { name: 'rpc', cache: ['f32', 'int4'] }] }, 'cache int4: policy rpc takes entries out of pages'],
    ['a choice that greed does not make', { sampling: { temperature: 0, topK: 5 } }, 'sampling.topK 5 means nothing with temperature 0'],
  ])('refuses %s before it runs', async (_, change, said) => {
    const { status, err } = await pathpress(['sweep', fileOf({ ...sweepFile, ...change }, 'bad.json'), '--out', inside('never')]);
    expect({ status, err }).toEqual({ status: 2, err: expect.stringContaining(said) });
    expect(err).toContain('BAD_SWEEP');
    expect(existsSync(inside('never'))).toBe(false);
  });

  it('runs fewer problems of an arm that asks for fewer', async () => {
    const policies = [{ name: 'full', problems: 6 }, { name: 'recency', interval: 32, window: 8 }];
    const { out } = await pathpress(['sweep', fileOf({ ...sweepFile, policies }, 'fewer.json'), '--out', inside('never'), '--check', '--json']);
    // By hand, two models: 6 and 7 problems of loops, 5 and 5 of chains, two samples of each of loops.
    expect(JSON.parse(out)).toMatchObject({ cells: 8, problems: 2 * 23, samples: 2 * (2 * 13 + 10) });
  });

  it('says size and time, and runs nothing, with --check', async () => {
    const { status, out } = await pathpress(['sweep', fileOf(), '--out', inside('never'), '--check', '--json']);
    expect(status).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ cells: 20, problems: 120, samples, tokensAtMost: 17100, estimate: { atMost: true } });
    expect(existsSync(inside('never'))).toBe(false);
  });

  describe('in shards', () => {
    const parts = ['1/3', '2/3', '3/3'].map((shard) => ({ shard, out: inside('shards', shard.replace('/', '-')) }));
    beforeAll(async () => {
      for (const { shard, out } of parts) {
        const { status, err } = await pathpress(['sweep', fileOf(), '--out', out, '--shard', shard, '--workers', 1]);
        expect(status, err).toBe(0);
      }
    }, 300_000);
    const merge = (out: string, ...dirs: string[]) => pathpress(['sweep', 'merge', ...dirs, '--out', out, '--json']);
    const all = parts.map(({ out }) => out);

    it('shares the samples out, and merges into what one run leaves', async () => {
      const shares = parts.map(({ out }) => count(records(out)));
      expect(shares.reduce((a, b) => a + b)).toBe(samples);
      expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(15);
      const { status, out, err } = await merge(inside('merged'), ...all);
      expect(status, err).toBe(0);
      expect(JSON.parse(out)).toEqual({ parts: 3, cells: 20, records: samples });
      expect(records(inside('merged'))).toEqual(records(whole));
      expect(readFileSync(inside('merged', 'manifest.json'), 'utf8')).toBe(readFileSync(join(whole, 'manifest.json'), 'utf8'));
      expect((await merge(inside('merged-folder'), inside('shards'))).status).toBe(0); // a folder of shards
      expect(records(inside('merged-folder'))).toEqual(records(whole));
      // Merged already in order: merging it alone changes no byte.
      expect((await merge(inside('again'), inside('merged'))).status).toBe(0);
      const [name] = readdirSync(inside('merged', 'cells'));
      expect(readFileSync(inside('again', 'cells', name!), 'utf8')).toBe(readFileSync(inside('merged', 'cells', name!), 'utf8'));
    });

    it('refuses parts that do not belong, and says which', async () => {
      const refused = async (dirs: string[], ...said: string[]) => {
        const { status, err } = await merge(inside('refused'), ...dirs);
        for (const what of said) expect({ status, err }).toEqual({ status: 2, err: expect.stringContaining(what) });
        expect(existsSync(inside('refused'))).toBe(false);
      };
      await refused([all[0]!, all[2]!], 'missing: shard 2/3');
      await refused([...all, all[1]!], '2-3 are both shard 2/3: they overlap');
      await refused([all[0]!, whole], 'whole is the whole sweep', 'is shard 1/3: they overlap');
      await refused([inside('letters')], 'no manifest.json');
      const copy = inside('copy');
      cpSync(all[1]!, copy, { recursive: true });
      const manifest = JSON.parse(readFileSync(join(copy, 'manifest.json'), 'utf8'));
      const save = (change: object) => writeFileSync(join(copy, 'manifest.json'), JSON.stringify({ ...manifest, ...change }));
      save({ engine: { ...manifest.engine, addon: 'b'.repeat(64) } });
      await refused([all[0]!, copy, all[2]!], 'copy is of another sweep than', 'engine.addon "bbbb');
      save({ shard: { index: 2, of: 1e9 } }); // whoever counts to that has no memory left
      await refused([all[0]!, copy, all[2]!], 'manifest.json: shard.of 1000000000: must be at most 100000');
      save({ cells: manifest.cells.map((cell: object) => ({ ...cell, problems: 1e9 })) });
      await refused([all[0]!, copy, all[2]!], 'samples; at most 4000000');
      save({ format: 2 });
      await refused([all[0]!, copy, all[2]!], 'manifest.json: format 2: must be 1');
      save({});
      const [name] = readdirSync(join(copy, 'cells'));
      const path = join(copy, 'cells', name!);
      const lines = readFileSync(path, 'utf8');
      const cut = lines.split('\n').slice(1).join('\n');
      writeFileSync(path, cut);
      await refused([all[0]!, copy, all[2]!], 'copy: shard 2/3 is not done: 1 samples are left');
      writeFileSync(path, `${lines}${lines.split('\n')[0]}\n`);
      await refused([all[0]!, copy, all[2]!], 'stands twice');
      cpSync(join(all[0]!, 'cells', name!), path);
      await refused([all[0]!, copy, all[2]!], 'is not of shard 2/3');
      writeFileSync(path, lines);
      writeFileSync(join(copy, 'cells', 'x.jsonl'), '');
      await refused([all[0]!, copy, all[2]!], 'x.jsonl: no cell of this sweep');
      mkdirSync(inside('full'));
      writeFileSync(inside('full', 'a.txt'), '');
      const { status, err } = await merge(inside('full'), ...all);
      expect({ status, err }).toEqual({ status: 2, err: expect.stringContaining('full: holds a.txt') });
      // What only looks like a leftover is somebody's, and stays; a real one gives way.
      mkdirSync(inside('foreign', 'thesis.part'), { recursive: true });
      writeFileSync(inside('foreign', 'thesis.part', 'chapter.txt'), 'dear');
      expect((await merge(inside('foreign'), ...all)).err).toContain('foreign: holds thesis.part and no manifest.json');
      expect(readFileSync(inside('foreign', 'thesis.part', 'chapter.txt'), 'utf8')).toBe('dear');
      mkdirSync(inside('begun'));
      writeFileSync(inside('begun', 'manifest.json.17.part'), '{');
      expect((await merge(inside('begun'), ...all)).status).toBe(0);
      expect(readdirSync(inside('begun')).sort()).toEqual(['cells', 'manifest.json']);
    });

    it('says what is done and what is left, of a folder of shards too', async () => {
      const state = async (dir: string, ...more: string[]) => {
        const { status, out, err } = await pathpress(['sweep', 'status', dir, '--json', ...more]);
        expect(status, err).toBe(0);
        return JSON.parse(out);
      };
      expect(await state(whole)).toMatchObject({ name: 'small', samples: { done: samples, total: samples }, cells: { done: 20, total: 20 }, running: false, secondsLeft: 0, missingShards: [] });
      rmSync(inside('some'), { recursive: true, force: true });
      mkdirSync(inside('some'));
      for (const i of [0, 2]) cpSync(all[i]!, inside('some', String(i)), { recursive: true });
      const done = count(records(all[0]!)) + count(records(all[2]!));
      const some = await state(inside('some'));
      expect(some).toMatchObject({ samples: { done, total: samples }, missingShards: [2], secondsLeft: null });
      expect(some.parts).toHaveLength(2);
      expect(some.samplesPerSecond).toBeGreaterThan(0);
      const { out } = await pathpress(['sweep', 'status', inside('some')]);
      expect(out).toContain(`small: ${done} of 190 samples`);
      expect(out).toContain('not begun: shard 2 of 3');
      expect((await pathpress(['sweep', 'status', inside('letters')])).status).toBe(2);
      const { summary } = await state(inside('shards'), '--summary', '--contrast', 'rpc ratio=2,random');
      expect(summary.arms).toHaveLength(2 * 2 * 4);
      expect(summary.arms.find(({ arm, task }: { arm: string; task: string }) => arm === 'random' && task === 'chains')).toMatchObject({ samples: 10, problems: 5, finish: { stop: 0, length: 10 }, meanTokens: 90 });
      expect(summary.contrasts).toHaveLength(4);
      expect((await pathpress(['sweep', 'status', whole, '--summary', '--contrast', 'rpc,random'])).err).toContain('--contrast rpc: no such arm');
      expect((await pathpress(['sweep', 'status', whole, '--summary', '--contrast', 'random,random'])).err).toContain('must be two different arms');
      expect((await pathpress(['sweep', 'status', whole, '--summary', '--contrast', 'rpc ratio=2,random'])).out).toMatch(/\[[-\d.]+, [-\d.]+\] points/);
      cpSync(whole, inside('bare'), { recursive: true });
      rmSync(inside('bare', 'cells'), { recursive: true });
      expect((await pathpress(['sweep', 'status', inside('bare'), '--summary', '--contrast', 'rpc ratio=2,random'])).out).toContain('rpc ratio=2 − random: no problem yet of which both have all samples, of any model and task');
    });
  });

  it('estimates what is left alone', async () => {
    const part = inside('part');
    cpSync(whole, part, { recursive: true });
    rmSync(join(part, 'running.json'));
    const [name] = readdirSync(join(part, 'cells'));
    writeFileSync(join(part, 'cells', name!), '');
    const missing = records(whole)[name!]!.length;
    const { out } = await pathpress(['sweep', fileOf(), '--out', part, '--check', '--json']);
    expect(JSON.parse(out).estimate).toMatchObject({ atMost: true, how: expect.stringContaining(`tokens/s in a trial of 1 s a model, ${missing} samples at their full length`) });
  });

  it('stops cleanly when it is interrupted, and goes on from there', async () => {
    const file = fileOf({ ...sweepFile, sampling: { ...sweepFile.sampling, maxTokens: 600 } }, 'long.json');
    const out = inside('interrupted');
    const stop = new AbortController();
    const run = pathpress(['sweep', file, '--out', out, '--batch', 2, '--workers', 2], stop.signal);
    while (!existsSync(join(out, 'cells')) || readdirSync(join(out, 'cells')).length === 0) await new Promise((wake) => setTimeout(wake, 5));
    const during = await pathpress(['sweep', 'status', out, '--json']);
    expect(JSON.parse(during.out)).toMatchObject({ running: true });
    const second = await pathpress(['sweep', file, '--out', out]);
    expect({ status: second.status, err: second.err }).toEqual({ status: 2, err: expect.stringContaining('is at work there') });
    expect(second.err).not.toContain('trial'); // refused before any work: the first run may be short
    stop.abort();
    const { status, err } = await run;
    expect({ status, err }).toEqual({ status: 130, err: expect.stringContaining('interrupted: ') });
    const kept = records(out);
    expect(count(kept)).toBeLessThan(samples);
    const again = await pathpress(['sweep', file, '--out', out, '--json']);
    expect(again.status, again.err).toBe(0);
    expect(again.err).toMatch(/; about .* \(the last run here recorded \d+ samples in/);
    expect(count(records(out))).toBe(samples);
    for (const [name, lines] of Object.entries(kept)) expect(records(out)[name]).toEqual(expect.arrayContaining(lines));
  });
});
