import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../package.js';
import { closedForm } from '../policies/closed-form.js';
import { armsOf } from '../sweep/arms.js';
import { readSweepFile, type SweepFile } from '../sweep/file.js';
import { checkScorePlan, scorePlan } from './score-plan.js';

const place = join(packageRoot, 'data', 'records', '08-plan.md');
const files = ['loops', 'chains', 'passcode'].map((task) => join(packageRoot, 'data', 'sweeps', `08-${task}.json`));
const sweeps = async (): Promise<SweepFile[]> => Promise.all(files.map(async (path) => (await readSweepFile(path)).file));

const planned = (plan: object): string => `# Plan\n\nWords.\n\n\`\`\`json\n${JSON.stringify(plan, null, 1)}\n\`\`\`\n\nMore words.\n`;

describe('the plan of 08', () => {
  it('is what the sweep files run, with the models of the record; others are still to come', async () => {
    const missing = checkScorePlan(readFileSync(place, 'utf8'), place, scorePlan(await sweeps()));
    const { models } = JSON.parse(readFileSync(join(packageRoot, 'data', 'records', '08-score.json'), 'utf8')) as { models: Record<string, string> };
    for (const sweep of await sweeps()) expect(sweep.models).toEqual(Object.keys(models));
    expect(missing.filter((model) => model in models)).toEqual([]);
  });

  it('is refused where it differs, by what differs', async () => {
    const plan = scorePlan(await sweeps());
    expect(checkScorePlan(planned(plan), 'plan.md', plan)).toEqual([]);
    const more = structuredClone(plan);
    for (const task of more.tasks) task.models.push('reasoner-to-come');
    expect(checkScorePlan(planned(more), 'plan.md', plan)).toEqual(['reasoner-to-come']);
    expect(() => checkScorePlan(planned(plan), 'plan.md', more)).toThrow('models');
    expect(plan.rules.outcome).toEqual({ chains: 'lookups' });
    for (const { split, arms } of plan.tasks) for (const { problems } of Object.values(arms)) expect({ split, enough: problems >= 300 }).toEqual({ split: 'test', enough: true });
    const other = structuredClone(plan) as unknown as { tasks: { arms: Record<string, { policies: { interval: number }[] }> }[]; rules: { margin: number } };
    other.tasks[1]!.arms.rpc!.policies[0]!.interval = 77;
    expect(() => checkScorePlan(planned(other), 'plan.md', plan)).toThrow(/plan\.md: tasks\.1\.arms\.rpc\.policies\.0\.interval is 77, the sweep files have \d+/);
    other.rules.margin = 0.05;
    expect(() => checkScorePlan(planned(other), 'plan.md', plan)).toThrow('plan.md: rules.margin is 0.05, the sweep files have 0.03');
    const draws = structuredClone(plan);
    draws.tasks[0]!.arms['random-persistent']!.policies.pop();
    expect(() => checkScorePlan(planned(draws), 'plan.md', plan)).toThrow(/policies\.\d+ is undefined, the sweep files have/);
    expect(() => checkScorePlan('# Plan\n', 'plan.md', plan)).toThrow('plan.md: no block of JSON');
  });
});

describe('the sweep files of 08', () => {
  it('hold as many entries in every arm at every token, caps apart, and have at least three draws of random', async () => {
    for (const sweep of await sweeps()) {
      const arms = armsOf(sweep, sweep.name).filter(({ policy }) => (policy as { budget?: string }).budget === 'ratio');
      const rpc = closedForm(arms.find(({ name }) => name === 'rpc')!.policy, 40, 4000).corners;
      expect(rpc.length).toBeGreaterThan(8);
      for (const { name, policy } of arms) expect({ name, corners: closedForm(policy, 40, 4000).corners }).toEqual({ name, corners: rpc });
      const drawn = (name: string) => arms.filter((arm) => arm.name === name).map(({ policy }) => (policy as { run?: number }).run ?? 1);
      const runs = ['random-persistent', 'random-redraw', 'random-heads'].flatMap(drawn);
      expect(new Set(runs).size).toBe(1); // what the primary control was tuned to
      expect(runs[0]).toBeGreaterThan(1);
      expect(drawn('random-single')).toEqual([1]);
      for (const name of ['random-persistent', 'random-redraw']) expect(arms.filter((arm) => arm.name === name).length).toBeGreaterThanOrEqual(3);
    }
  });

  it('are alike but for frame, kernels and problems: the same models and arms, one task each', async () => {
    const all = await sweeps();
    const shape = (sweep: SweepFile) => ({ models: sweep.models, seeds: sweep.seeds, sampling: sweep.sampling, arms: armsOf(sweep, sweep.name).map(({ name }) => name) });
    expect(all.map(({ tasks }) => tasks.map(({ name }) => name))).toEqual([['loops'], ['chains'], ['passcode']]);
    for (const sweep of all) expect(shape(sweep)).toEqual(shape(all[0]!));
  });
});
