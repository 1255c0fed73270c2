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
    expect(settlePolicy('lookahead')).toMatchObject({ kernel: 7, pooling: 'avg', pinPrompt: true, budget: 'ratio' });
    expect(settlePolicy('random', { run: 1 })).toEqual(settlePolicy('random')); // as the committed records have it
    expect(settlePolicy('recency')).toEqual({ name: 'recency', interval: 1024, window: 32, ratio: 4, budget: 'ratio', pinPrompt: true });
  });

  it('publishes the rivals with a cap and the prompt not pinned', () => {
    const cap = { budget: 'cap', keep: 256, pinPrompt: false };
    expect(settlePolicy('h2o', { keep: 256 })).toEqual({ name: 'h2o', ...cap, aggregation: 'group', recent: 'half', kernel: 1, pooling: 'none' });
    expect(settlePolicy('tova', { keep: 256 })).toEqual({ name: 'tova', ...cap, aggregation: 'layer' });
    expect(settlePolicy('streaming', { keep: 256 })).toEqual({ name: 'streaming', ...cap, sinks: 4 });
    expect(settlePolicy('raas', { keep: 256 })).toEqual({ name: 'raas', ...cap, pinPrompt: true, aggregation: 'group' });
    expect(settlePolicy('snapkv', { keep: 256 })).toEqual({ name: 'snapkv', ...cap, window: 32, kernel: 5, pooling: 'avg', aggregation: 'group' });
    expect(settlePolicy('snapkv-decode', { keep: 256 })).toMatchObject({ ...cap, interval: 128, window: 32, kernel: 5, pooling: 'avg' });
    expect(settlePolicy('adakv', { keep: 256 })).toEqual({ name: 'adakv', ...cap, window: 32, kernel: 7, pooling: 'max', floor: 0.2 });
    expect(settlePolicy('r-kv', { keep: 256 })).toMatchObject({ ...cap, interval: 128, window: 8, kernel: 7, pooling: 'max', lambda: 0.1 });
    expect(settlePolicy('vase', { keep: 256 })).toMatchObject({ ...cap, interval: 64, window: 64, sinks: 4 });
    expect(settlePolicy('lazy-eviction', { keep: 256 })).toMatchObject({ ...cap, interval: 128, threshold: 1e-4 });
    expect(settlePolicy('quest', { keep: 256 })).toEqual({ name: 'quest', keep: 256 });
  });

  it('gives a published window half of a small cap, and takes one as it is given', () => {
    expect(settlePolicy('vase', { keep: 24 })).toMatchObject({ window: 12 });
    expect(settlePolicy('snapkv', { keep: 1 })).toMatchObject({ window: 1 });
    expect(settlePolicy('snapkv-decode', { keep: 24, window: 20 })).toMatchObject({ window: 20 });
    expect(settlePolicy('h2o', { keep: 24, recent: 'window', window: 5 })).toMatchObject({ window: 5 });
  });

  it('gives any policy of generated tokens RPC’s frame under a ratio', () => {
    expect(settlePolicy('h2o', { budget: 'ratio' })).toMatchObject({ interval: 1024, window: 32, ratio: 4 });
    expect(settlePolicy('r-kv', { budget: 'ratio', ratio: 2 })).toMatchObject({ interval: 128, window: 8, ratio: 2 });
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
    ['rpc', { ratio: Number.NaN }, 'ratio NaN: must be a number'],
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
    ['rpc', { score: 'votes' }, 'score votes: must be a function'],
    ['rpc', { scoreKeys: true }, 'scoreKeys true: means something with a score only'],
    ['rpc', { score: () => 0, aggregation: 'head' }, 'aggregation head: a function scores a set of a layer, or of a key-value head'],
    ['rpc-shuffled', { score: 'votes' }, 'score votes: policy rpc-shuffled does not use it'],
    ['random', { run: 0 }, 'run 0: must be at least 1'],
    ['random', { kernel: 7 }, 'kernel 7: policy random does not use it'],
    ['recency', { granularity: 'head' }, 'granularity head: policy recency does not use it'],
    ['recency', { drawSeed: 1 }, 'drawSeed 1: policy recency does not use it'],
    ['random', { drawSeed: -1 }, 'drawSeed -1: must be at least 0'],
    ['rpc-shuffled', { drawSeed: 0.5 }, 'drawSeed 0.5: must be a whole number'],
    ['full', { window: 8 }, 'window 8: policy full does not use it'],
    ['full', { pinPrompt: true }, 'pinPrompt true: policy full does not use it'],
    ['rpc-shuffled', { aggregation: 'token' }, 'aggregation token: must be one of layer, group, head'],
    ['h2o', {}, 'keep missing: budget cap needs it'],
    ['h2o', { keep: 24, interval: 8 }, 'interval 8: policy h2o evicts at every step with budget cap'],
    ['h2o', { keep: 24, window: 8 }, 'window 8: policy h2o has none with budget cap'],
    ['h2o', { keep: 24, aggregation: 'head' }, 'aggregation head: must be one of layer, group'],
    ['tova', { budget: 'ratio', keep: 24 }, 'keep 24: means something with budget cap only'],
    ['tova', { keep: 24, ratio: 4 }, 'ratio 4: means nothing with budget cap, which keep sets'],
    ['streaming', { keep: 24, sinks: -1 }, 'sinks -1: must be at least 0'],
    ['streaming', { keep: 24, kernel: 5 }, 'kernel 5: policy streaming does not use it'],
    ['snapkv', { keep: 24, pinPrompt: true }, 'pinPrompt true: policy snapkv evicts from the prompt only'],
    ['snapkv', { budget: 'ratio' }, 'budget ratio: policy snapkv evicts at prefill, a ratio during generation only'],
    ['snapkv', { keep: 24, interval: 8 }, 'interval 8: policy snapkv evicts once with budget cap'],
    ['snapkv', { keep: 24, window: 25 }, 'keep 24: less than the window 25'],
    ['adakv', { keep: 24, floor: 1.5 }, 'floor 1.5: must be at most 1'],
    ['adakv', { keep: 24, aggregation: 'layer' }, 'aggregation layer: policy adakv does not use it'],
    ['r-kv', { keep: 24, lambda: -0.1 }, 'lambda -0.1: must be at least 0'],
    ['r-kv', { keep: 24, pooling: 'none', kernel: 7 }, 'kernel 7: means nothing with pooling none'],
    ['lazy-eviction', { keep: 24, threshold: 1 }, 'threshold 1: must be below 1'],
    ['lazy-eviction', { keep: 24, window: 8 }, 'window 8: policy lazy-eviction has none with budget cap'],
    ['quest', { keep: 15 }, 'keep 15: less than a page of 16 entries'],
    ['quest', {}, 'keep missing: policy quest needs it: the entries that a pass reads'],
    ['quest', { keep: 32, budget: 'ratio' }, 'budget ratio: policy quest evicts nothing, keep says what a pass reads'],
    ['quest', { keep: 32, pinPrompt: true }, 'pinPrompt true: policy quest evicts nothing'],
    ['quest', { keep: 32, interval: 8 }, 'interval 8: policy quest does not use it'],
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
      { drawSeed: 3 },
      { run: 3 },
      { moment: 'unsure' },
      { score: () => new Float32Array(), scoreKeys: true },
      { ahead: 3, pooling: 'avg' },
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

  it('counts what each policy pins', () => {
    const room = (name: string, given: object, prompt: number) => refusal(() => checkPolicy(settlePolicy(name, { ...given }), prompt));
    expect(room('tova', { keep: 24, pinPrompt: true }, 23)).toBe('accepted');
    expect(room('tova', { keep: 24, pinPrompt: true }, 24)).toBe('keep 24: less than the 25 entries that are pinned (prompt and the newest)');
    expect(room('streaming', { keep: 4 }, 1)).toBe('keep 4: less than the 5 entries that are pinned (prompt and the newest)');
    expect(room('vase', { keep: 24, window: 21 }, 1)).toBe('keep 24: less than the 25 entries that are pinned (prompt and window)');
    expect(room('quest', { keep: 24 }, 4096)).toBe('accepted');
  });

  it('refuses a policy written by hand that does not hold', () => {
    expect(refusal(() => checkPolicy({ ...settlePolicy('rpc'), kernel: 4 } as Policy, 5))).toBe('kernel 4: must be odd');
  });
});

it('has the names of the native registry', () => {
  const source = readFileSync(new URL('../../native/policies/registry.cc', import.meta.url), 'utf8');
  expect([...source.matchAll(/\{"([a-z0-9-]+)", make/g)].map(([, name]) => name).sort()).toEqual([...policyNames].sort());
});
