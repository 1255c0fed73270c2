import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PathPressError } from '../engine/errors.js';
import { policyNames } from './policies.js';
import { checkPolicy, settlePolicy } from './settle.js';
import type { Policy } from './policy.js';

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(PathPressError);
    expect((error as PathPressError).code).toBe('BAD_OPTION');
    expect((error as PathPressError).exitStatus).toBe(2);
    return (error as Error).message;
  }
  return 'accepted';
}

describe('settlePolicy', () => {
  it('fills in the defaults of the command line contract', () => {
    expect(settlePolicy('full')).toEqual({ name: 'full' });
    expect(settlePolicy('rpc')).toEqual({
      name: 'rpc', interval: 1024, window: 32, ratio: 4, budget: 'ratio', pinPrompt: true, preset: 'corrected', kernel: 7,
      pooling: 'avg', neighbours: 'cache', aggregation: 'layer', selectors: 'recent',
    }); // prettier-ignore
    expect(settlePolicy('random')).toMatchObject({ draw: 'persistent', granularity: 'layer', pinPrompt: true, budget: 'ratio' });
    expect(settlePolicy('recency')).toEqual({ name: 'recency', interval: 1024, window: 32, ratio: 4, budget: 'ratio', pinPrompt: true });
  });

  it('takes what the contract calls legal', () => {
    expect(settlePolicy('rpc', { interval: 4, window: 32 })).toMatchObject({ interval: 4, window: 32 });
    expect(settlePolicy('rpc', { ratio: 1 })).toMatchObject({ ratio: 1 });
    expect(settlePolicy('rpc', { ratio: 1.5, kernel: 1, selectors: undefined })).toMatchObject({ ratio: 1.5, selectors: 'recent' });
    expect(settlePolicy('rpc', { pooling: 'none' })).toMatchObject({ kernel: 1, neighbours: 'cache' });
    const capped = settlePolicy('recency', { interval: 8, window: 4, budget: 'cap', keep: 24 });
    expect(capped).toEqual({ name: 'recency', interval: 8, window: 4, budget: 'cap', keep: 24, pinPrompt: true });
  });

  it.each([
    ['nonsense', {}, `policy nonsense: unknown; there are ${policyNames.join(', ')}`],
    ['rpc', { window: 0 }, 'window 0: must be at least 1'],
    ['rpc', { interval: 0 }, 'interval 0: must be at least 1'],
    ['rpc', { interval: 2.5 }, 'interval 2.5: must be a whole number'],
    ['rpc', { interval: '16' }, 'interval 16: must be a whole number'],
    ['rpc', { ratio: 0.5 }, 'ratio 0.5: must be at least 1'],
    ['rpc', { ratio: Number.NaN }, 'ratio null: must be a number'],
    ['rpc', { kernel: 4 }, 'kernel 4: must be odd'],
    ['rpc', { kernel: -3 }, 'kernel -3: must be at least 1'],
    ['rpc', { pooling: 'sum' }, 'pooling sum: must be one of avg, max, none'],
    ['rpc', { pinPrompt: 'yes' }, 'pinPrompt yes: must be true or false'],
    ['rpc', { pooling: 'none', kernel: 7 }, 'kernel 7: means nothing with pooling none'],
    ['rpc', { pooling: 'none', neighbours: 'position' }, 'neighbours position: means nothing with pooling none'],
    ['rpc', { draw: 'redraw' }, 'draw redraw: policy rpc does not use it'],
    ['rpc', { keep: 24 }, 'keep 24: means something with budget cap only'],
    ['random', { budget: 'cap' }, 'keep missing: budget cap needs it'],
    ['random', { budget: 'cap', keep: 100, ratio: 4 }, 'ratio 4: means nothing with budget cap, which keep sets'],
    ['random', { budget: 'cap', keep: 31 }, 'keep 31: less than the window 32'],
    ['random', { kernel: 7 }, 'kernel 7: policy random does not use it'],
    ['recency', { granularity: 'head' }, 'granularity head: policy recency does not use it'],
    ['full', { window: 8 }, 'window 8: policy full does not use it'],
    ['full', { pinPrompt: true }, 'pinPrompt true: policy full does not use it'],
    ['rpc', { name: 'random', draw: 'redraw' }, "name random: the options are another policy's, not rpc's"],
  ])('refuses %s %o', (name, given, message) => {
    expect(refusal(() => settlePolicy(name, given))).toBe(message);
  });

  it('gives a settled policy back', () => {
    const options = [
      {},
      { budget: 'cap', keep: 50 },
      { pooling: 'none' },
      { preset: 'reference', aggregation: 'head' },
      { draw: 'redraw' },
      { budget: 'ratio' },
      { keep: 50, pooling: 'none' },
      { keep: 50, recent: 'window' },
    ];
    const settled = new Set<string>();
    for (const name of policyNames) {
      for (const given of options) {
        if (refusal(() => settlePolicy(name, given)) !== 'accepted') continue;
        const policy = settlePolicy(name, given);
        expect(settlePolicy(policy.name, { ...policy })).toEqual(policy);
        settled.add(name);
      }
    }
    expect([...settled]).toEqual(policyNames);
  });
});

describe('checkPolicy', () => {
  const capped = settlePolicy('rpc', { window: 4, budget: 'cap', keep: 24 });

  it('refuses a cap without room for prompt and window', () => {
    expect(refusal(() => checkPolicy(capped, 20))).toBe('accepted');
    expect(refusal(() => checkPolicy(capped, 21))).toBe('keep 24: less than the 25 entries that are pinned (prompt and window)');
    expect(refusal(() => checkPolicy({ ...capped, pinPrompt: false } as Policy, 1000))).toBe('accepted');
  });

  it('refuses a policy written by hand that does not hold', () => {
    expect(refusal(() => checkPolicy({ ...settlePolicy('rpc'), kernel: 4 } as Policy, 5))).toBe('kernel 4: must be odd');
  });
});

it('has the names of the native registry', () => {
  const source = readFileSync(new URL('../../native/policies/registry.cc', import.meta.url), 'utf8');
  expect([...source.matchAll(/\{"([a-z0-9-]+)", make/g)].map(([, name]) => name).sort()).toEqual([...policyNames].sort());
});
