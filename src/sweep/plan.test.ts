import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeTinyModel } from '../cli/tiny-model.mjs';
import { versions } from '../engine/engine.js';
import { bundledModel } from '../package.js';
import { vocabulary } from '../tasks/vocabulary.js';
import { planSweep } from './plan.js';

const folder = mkdtempSync(join(tmpdir(), 'pathpress-plan-'));
const tiny = join(folder, 'tiny');
const path = join(folder, 'sweep.json');
beforeAll(() => writeTinyModel(tiny, [...vocabulary]));
afterAll(() => rmSync(folder, { recursive: true }));

const sweep = { name: 's', models: [tiny], tasks: [{ name: 'loops', problems: 3 }], policies: [{ name: 'full' }], seeds: [3] };
const plan = (change: object) => {
  writeFileSync(path, JSON.stringify({ ...sweep, ...change }));
  return planSweep(path);
};

describe('a sweep whose cells are not all apart', () => {
  const first = `models[0] "${tiny}", tasks[0] "loops", policies[0], arm "full", seeds[0] 3`;
  it.each<[string, object, string]>([
    [
      'a cache that the model has anyway',
      { policies: [{ name: 'full' }, { name: 'full', arm: 'full typed', cache: ['f32'] }] },
      `models[0] "${tiny}", tasks[0] "loops", policies[1], arm "full typed", seeds[0] 3: the same cell as ${first}`,
    ],
    [
      'a model under two names',
      { models: ['reasoner', bundledModel('reasoner')] },
      `models[1] "${bundledModel('reasoner')}", tasks[0] "loops", policies[0], arm "full", seeds[0] 3: the same cell as models[0] "reasoner", tasks[0]`,
    ],
    ['a draw that is the seed’s anyway', { policies: [{ name: 'random' }, { name: 'random', drawSeed: 3 }] }, 'policies[1], arm "random", seeds[0] 3: the same draw as models[0]'],
    [
      'seeds that neither greed nor lots of their own use',
      { policies: [{ name: 'random', drawSeed: 1 }], seeds: [0, 1], sampling: { temperature: 0 } },
      'seeds[1] 1: the same draw as models[0]',
    ],
  ])('is refused: %s', async (_, change, said) => {
    await expect(plan(change)).rejects.toMatchObject({ code: 'BAD_SWEEP', exitStatus: 2, message: expect.stringContaining(said) });
  });

  it('is not one of draws, caches and seeds that do differ', async () => {
    const policies = [{ name: 'random', drawSeed: [0, 1] }, { name: 'random', arm: 'of the seed' }, { name: 'full', cache: ['f32', 'bf16'] }];
    const { manifest } = await plan({ policies, seeds: [2, 3] });
    expect(new Set(manifest.cells.map(({ id }) => id)).size).toBe(10);
  });
});

describe('a sweep on a device', () => {
  it('is of the cpu where nobody says otherwise, and says so in every record', async () => {
    const { manifest, load } = await plan({});
    expect([load.device, manifest.engine.device, manifest.cells[0]!.settings.device]).toEqual(['cpu', 'cpu', 'cpu']);
  });

  it.skipIf(versions().cuda)('that is not there is refused before a model is looked at', async () => {
    await expect(plan({ device: 'cuda', models: [bundledModel('reasoner')] })).rejects.toMatchObject({
      code: 'CUDA_UNAVAILABLE',
      exitStatus: 1,
      message: `device cuda: ${versions().whyNoCuda}`,
    });
  });

  it('that nobody knows is refused', async () => {
    await expect(plan({ device: 'tpu' })).rejects.toMatchObject({ code: 'BAD_SWEEP', message: expect.stringContaining('device "tpu": must be one of cpu, cuda') });
  });
});

describe('a sweep beyond any machine', () => {
  const many = Array.from({ length: 320 }, (_, i) => i + 1);
  it.each<[string, object, string]>([
    ['samples', { tasks: [{ name: 'loops', problems: 1_000_000, samplesPerProblem: 1_000_000 }] }, 'makes 1000000000000 samples; at most 4000000'],
    ['cells', { policies: [{ name: 'random', drawSeed: many }], seeds: many }, 'makes 102400 cells; at most 100000'],
  ])('is refused for its %s', async (_, change, said) => {
    await expect(plan(change)).rejects.toMatchObject({ code: 'BAD_SWEEP', exitStatus: 2, message: expect.stringContaining(said) });
  });
});
