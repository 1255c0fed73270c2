/** A text replayed is a text generated: same kept sets, and the likelihoods that the logits state. native/test/replay_test.cc holds every policy to the logits of its generation. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { PathPressError } from './errors.js';
import { settlePolicy } from '../policies/settle.js';
import type { Policy } from '../policies/policy.js';
import { openEngine } from './engine.js';
import { drawn, fixture, full, random, recency, request, rpc } from './testing.js';
import type { Engine, GenerateResult, ReplayResult } from './types.js';

vi.setConfig({ testTimeout: 60_000 }); // a machine may be busy with other things

const promptIds = [5, 9, 3, 7, 11];
let engine: Engine;
beforeAll(async () => void (engine = await openEngine({ model: fixture('llama-g4'), threads: 2, cache: 'f32' })));
afterAll(() => engine.dispose());

const generate = (policy: Policy, maxTokens = 60) => engine.generate(request({ promptIds, policy, sampling: drawn, maxTokens, trace: true })).result;
const replay = (outputIds: number[], policy: Policy, options: object = {}) => engine.replay({ promptIds, outputIds, policy, seed: drawn.seed, trace: true, ...options });
const facts = ({ seconds: _s, ...rest }: GenerateResult | ReplayResult) => ({ ...rest, ids: undefined, logLikelihoods: undefined });

/** Log-softmax of what `Engine.logits`, which the fixtures' transformers logits vouch for, says before each output token. */
async function fromLogits(outputIds: number[]): Promise<number[]> {
  const { vocabSize } = engine.info;
  const logits = await engine.logits([...promptIds, ...outputIds]);
  return outputIds.map((id, i) => {
    const row = logits.subarray((promptIds.length + i - 1) * vocabSize).subarray(0, vocabSize);
    return -Math.log(row.reduce((sum, logit) => sum + Math.exp(logit - row[id]), 0));
  });
}

describe('replay', () => {
  it('gives the log-softmax of the logits under the full cache', async () => {
    const { ids } = await generate(full);
    const { logLikelihoods, generatedTokens, finish } = await replay(ids, full);
    const expected = await fromLogits(ids);
    expect(logLikelihoods).toHaveLength(60);
    logLikelihoods.forEach((value, i) => expect(value).toBeCloseTo(expected[i], 5));
    expect({ generatedTokens, finish }).toEqual({ generatedTokens: 60, finish: 'length' });
  });

  it.each([
    ['full', full],
    ['rpc', rpc()],
    ['rpc, a set a query head', rpc({ aggregation: 'head' })],
    ['random', random()],
    ['random, drawn anew', random({ draw: 'redraw' })],
    ['recency', recency()],
    ['h2o', settlePolicy('h2o', { keep: 20 })],
    ['r-kv', settlePolicy('r-kv', { keep: 24, interval: 8 })],
    ['quest', settlePolicy('quest', { keep: 32 })],
  ] as const)('leaves what the generation of the same tokens leaves: %s', async (_, policy) => {
    const generated = await generate(policy);
    const replayed = await replay(generated.ids, policy);
    expect(facts(replayed)).toEqual(facts(generated));
    // Up to the first compression nothing is lost, and likelihoods are the full cache's.
    const whole = await replay(generated.ids, full);
    const first = replayed.compressions[0]?.generated ?? replayed.evictions?.first ?? (policy.name === 'full' ? 60 : 0);
    expect(replayed.logLikelihoods.subarray(0, first)).toEqual(whole.logLikelihoods.subarray(0, first));
  });

  it('asks a scorer as generation does, with the entropies that it has', async () => {
    const shown: unknown[] = [];
    const policy = rpc({ score: ({ generated, layer, ids, votes, entropies }) => (shown.push({ generated, layer, ids, votes, entropies }), votes) });
    const generated = await generate(policy);
    const first = shown.splice(0);
    expect(first.length).toBeGreaterThan(2);
    expect(facts(await replay(generated.ids, policy))).toEqual(facts(generated));
    expect(shown).toEqual(first);
  });

  it('ends where it is aborted, with what it has', async () => {
    const { finish, logLikelihoods } = await replay([1, 2, 3], full, { signal: AbortSignal.abort() });
    expect({ finish, length: logLikelihoods.length }).toEqual({ finish: 'aborted', length: 0 });
  });

  it.each([
    [{ outputIds: [] }, 'the output has no ids'],
    [{ outputIds: [1, 64] }, 'id 64 at index 1 of the output is outside the vocabulary of 64'],
    [{ promptIds: [] }, 'the prompt has no ids'],
  ])('refuses %o', async (options, message) => {
    const refused = engine.replay({ promptIds, outputIds: [1], policy: full, ...options });
    await expect(refused).rejects.toThrow(PathPressError);
    await expect(refused).rejects.toMatchObject({ code: 'BAD_PROMPT', message });
  });
});
