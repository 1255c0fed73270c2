import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { excessLoss } from '../analysis/excess-loss.js';
import { openEngine } from '../engine/engine.js';
import { fixture } from '../engine/testing.js';
import type { Engine } from '../engine/types.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';
import { byMention, drawReplays, firstTouched, inTurn, mentionBins, replayArms, replayRows, replayTokens } from './replay-cell.js';
import type { TraceFile } from './traces.js';

const folder = mkdtempSync(join(tmpdir(), 'pathpress-replay-'));
const file: TraceFile = { path: join(folder, 'm__d.jsonl'), name: 'm__d', kind: 'reasoning', model: 'm', dataset: 'd' };
writeFileSync(file.path, 'its content names the cells');
const tokenizer = { applyChat: () => [1, 2, 3] } as unknown as Tokenizer;
const output = (length: number, step = 29) => ({ prompt: 'p', text: '', ids: Int32Array.from({ length }, (_, i) => (i * i * step + i) % 64) });
let engine: Engine;
beforeAll(async () => void (engine = await openEngine({ model: fixture('llama-g4'), threads: 1, cache: 'f32' })));
afterAll(() => {
  engine.dispose();
  rmSync(folder, { recursive: true });
});

it('bins a token by how long ago it was last there, in prompt or output: by hand', () => {
  const filler = (count: number, from: number) => Array.from({ length: count }, (_, i) => from + i);
  // 7 comes 3 tokens after its place in the prompt, 9 never before, 7 again after 34 and after 129, 6 after 164, 8 after 168.
  const text = { promptIds: [8, 7, 6], outputIds: Int32Array.from([5, 7, 9, ...filler(32, 100), 7, ...filler(127, 200), 6, 7, 8]) };
  const seen = byMention(text, () => 1, 0);
  expect(mentionBins.map(({ name }, i) => [name, seen[i]])).toEqual([['1–32', 1], ['33–128', 1], ['129–512', 3], ['513–2,048', 0], ['over 2,048', 0], ['never before', 161]]);
  expect(byMention(text, (token) => token, 164)).toEqual([0, 0, 164 + 165, 0, 0, 0]);
});

it('draws outputs that compression touches, each once, cut with its prompt to the limit', () => {
  const outputs = [output(firstTouched()), output(firstTouched() + 1), output(9000), output(3), output(500)];
  const drawn = drawReplays(file, outputs, tokenizer, 10);
  expect(drawn.map(({ row, outputIds }) => [row, outputIds.length]).sort()).toEqual([[1, 162], [2, replayTokens - 3], [4, 500]]);
  expect(drawReplays(file, outputs, tokenizer, 2)).toEqual(drawn.slice(0, 2));
  const many = Array.from({ length: 60 }, () => output(200));
  const rowsOf = (name: string) => drawReplays({ ...file, name }, many, tokenizer, 20).map(({ row }) => row);
  expect(rowsOf('m__d')).not.toEqual(rowsOf('m__e'));
  expect(inTurn([[1, 2, 3], [], [4, 5]])).toEqual([1, 4, 2, 5, 3]);
});

it('measures from the first token that compression touches, and goes on where it was cut short', async () => {
  const drawn = drawReplays(file, [output(420), output(289, 31)], tokenizer, 2); // the second ends where its next compression is due
  const cells = join(folder, 'cells');
  const [first] = await replayRows(engine, drawn.slice(0, 1), { arms: ['full', 'rpc'], cells });
  expect(first.loss.full!.reduce((a, b) => a + b)).toBeCloseTo(await lossFrom(drawn[0].outputIds), 1); // of the logits, over 128 or 259 tokens
  const rows = await replayRows(engine, drawn, { cells });
  expect(rows[0]).toMatchObject({ ...first, loss: first.loss });
  for (const arm of replayArms.slice(1)) expect(excessLoss(rows, arm, 'full')!.mean, arm).not.toBe(0);
  expect(rows.map(({ outputTokens, tokens }) => outputTokens - tokens.reduce((a, b) => a + b))).toEqual([firstTouched(), firstTouched()]);

  const gone = { ...engine, info: engine.info, replay: () => Promise.reject(new Error('nothing is left to run')) } as Engine;
  expect(await replayRows(gone, drawn, { cells })).toEqual(rows);
  await expect(replayRows(gone, drawReplays(file, [output(200)], tokenizer, 1), { cells: join(folder, 'others') })).rejects.toThrow('nothing is left');
});

/** Sum over the touched tokens of −log softmax of `Engine.logits`. */
async function lossFrom(ids: Int32Array): Promise<number> {
  const logits = await engine.logits([1, 2, 3, ...ids]);
  let sum = 0;
  for (let token = firstTouched(); token < ids.length; token++) {
    const row = logits.subarray((3 + token - 1) * 64).subarray(0, 64);
    sum += Math.log(row.reduce((all, logit) => all + Math.exp(logit - row[ids[token]]), 0));
  }
  return sum;
}
