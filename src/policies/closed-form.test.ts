import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { closedForm } from './closed-form.js';
import { settlePolicy } from './settle.js';
import type { Policy } from './policy.js';

const small = { interval: 16, window: 4, ratio: 4 };

/** The cache walked pass by pass, from the words of the contract; shares nothing with the closed form. */
function walked(policy: Policy, prompt: number, generated: number) {
  let entries = prompt;
  let attended = 0;
  let peak = prompt;
  const compressions = [];
  for (let t = 1; t < generated; t += 1) {
    entries += 1;
    attended += entries;
    peak = Math.max(peak, entries);
    if (!('interval' in policy)) continue;
    const { interval: P = 0, window: R = 0 } = policy;
    const late = policy.name.startsWith('rpc') || policy.budget === 'ratio' ? R : 0;
    const n = (t - late) / P;
    if (n < 1 || !Number.isInteger(n)) continue;
    const before = entries;
    if (policy.budget === 'cap') entries = Math.min(before, policy.keep!);
    else if ('preset' in policy && policy.preset === 'reference') entries = prompt + n * Math.floor(P / policy.ratio!) + R;
    else entries = prompt + Math.floor((n * P) / policy.ratio!) + R;
    compressions.push({ generated: t, before, after: entries });
  }
  return { compressions, final: entries, peak, mean: generated > 1 ? attended / (generated - 1) : prompt };
}

describe('closedForm', () => {
  it.each(['corrected', 'reference'])('gives the numbers of the contract, %s', (preset) => {
    const form = closedForm(settlePolicy('rpc', { ...small, preset }), 5, 40);
    expect(form.compressions).toEqual([{ generated: 20, before: 25, after: 13 }, { generated: 36, before: 29, after: 17 }]); // prettier-ignore
    expect(form.peak).toBe(29);
    expect(form.final).toBe(20);
    expect(form.mean).toBeCloseTo(711 / 39, 12);
    expect([0, 19, 20, 21, 35, 36, 39].map(form.entriesAt)).toEqual([5, 24, 13, 14, 28, 17, 20]);
    expect(form.corners).toEqual(
      [[0, 5], [20, 25], [20, 13], [36, 29], [36, 17], [39, 20]].map(([generated, entries]) => ({ generated, entries })), // prettier-ignore
    );
  });

  it('refuses counts that are none, and more compressions than memory lists', () => {
    const tova = settlePolicy('tova', { budget: 'cap', keep: 200 });
    for (const [prompt, generated] of [[-1, 10], [0.5, 10], [10, NaN], [10, -1]] as const)
      expect(() => closedForm(tova, prompt, generated)).toThrowError(/must be a whole number >= 0/);
    expect(() => closedForm(tova, 128, 1e9)).toThrowError(/generated 1000000000: tova would compress more than 10000000 times/);
    expect(closedForm(settlePolicy('full'), 128, 1e9).final).toBe(128 + 1e9 - 1);
    expect(closedForm(settlePolicy('rpc', { interval: 4096, window: 32, ratio: 4 }), 128, 1e9).compressions).toHaveLength(Math.floor((1e9 - 1 - 32) / 4096));
  });

  it('gives the golden facts at P = 4096', () => {
    const { compressions } = closedForm(settlePolicy('rpc', { interval: 4096, window: 32, ratio: 4 }), 0, 10_000);
    expect(compressions).toEqual([{ generated: 4128, before: 4128, after: 1056 }, { generated: 8224, before: 5152, after: 2080 }]); // prettier-ignore
  });

  it('does not reach a trigger at its last token', () => {
    expect(closedForm(settlePolicy('rpc', small), 5, 20).compressions).toEqual([]);
    expect(closedForm(settlePolicy('rpc', small), 5, 21).compressions).toHaveLength(1);
  });

  it('lists triggers that evict nothing', () => {
    const { compressions } = closedForm(settlePolicy('rpc', { ...small, ratio: 1 }), 5, 60);
    expect(compressions.map(({ before, after }) => before - after)).toEqual([0, 0, 0]);
  });

  it('is the full cache for full', () => {
    expect(closedForm(settlePolicy('full'), 10, 101)).toMatchObject({ compressions: [], peak: 110, final: 110, mean: 60.5 });
    expect(closedForm(settlePolicy('full'), 10, 1)).toMatchObject({ peak: 10, final: 10, mean: 10 });
  });

  it('refuses a cap without room for the prompt', () => {
    const policy = settlePolicy('recency', { interval: 8, window: 4, budget: 'cap', keep: 24 });
    expect(() => closedForm(policy, 21, 40)).toThrow('keep 24');
  });

  it('evicts at every step from the first that leaves more than the cap', () => {
    const policy = settlePolicy('tova', { keep: 10 });
    const short = closedForm(policy, 7, 8); // entries 8, 9, 10, then 11 at each pass
    expect(short.compressions).toEqual([4, 5, 6, 7].map((generated) => ({ generated, before: 11, after: 10 })));
    expect(short).toMatchObject({ peak: 11, final: 10 });
    expect(short.mean).toBeCloseTo((8 + 9 + 10 + 4 * 11) / 7, 12);
    const long = closedForm(policy, 30, 4);
    expect(long.compressions).toEqual([[0, 30], [1, 11], [2, 11], [3, 11]].map(([generated, before]) => ({ generated, before, after: 10 }))); // prettier-ignore
    expect(long).toMatchObject({ peak: 30, final: 10, mean: 11 });
  });

  it('evicts once, at prefill', () => {
    const policy = settlePolicy('adakv', { keep: 10 });
    expect(closedForm(policy, 30, 5)).toMatchObject({ compressions: [{ generated: 0, before: 30, after: 10 }], final: 14, mean: 12.5 });
    expect(closedForm(policy, 3, 1)).toMatchObject({ compressions: [{ generated: 0, before: 3, after: 3 }], final: 3 });
  });

  it('agrees with a walk over the passes', () => {
    let walks = 0;
    const wrong: unknown[] = [];
    for (const name of ['full', 'rpc', 'rpc-shuffled', 'recency', 'random', 'snapkv-decode'])
      for (const interval of [1, 4, 7, 16, 50])
        for (const window of [1, 4, 20])
          for (const budget of [...[1, 2.5, 4, 60].map((ratio) => ({ budget: 'ratio', ratio })), { budget: 'cap', keep: 30 }])
            for (const preset of name.startsWith('rpc') ? ['corrected', 'reference'] : [undefined])
              for (const generated of [0, 1, 2, 37, 160]) {
                const given = name === 'full' ? {} : { interval, window, preset, ...budget };
                const policy = settlePolicy(name, given);
                const { mean, ...rest } = walked(policy, 6, generated);
                const { compressions, final, peak, mean: ours } = closedForm(policy, 6, generated);
                const agrees = isDeepStrictEqual({ compressions, final, peak }, rest) && Math.abs(ours - mean) < 1e-9;
                if (!agrees) wrong.push({ policy, generated });
                walks += 1;
              }
    expect(wrong).toEqual([]);
    expect(walks).toBe(8 * 5 * 3 * 5 * 5);
  });
});
