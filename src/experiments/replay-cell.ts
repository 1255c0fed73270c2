/** Teacher-forced replay of traces through a pretrained model: what each score of one frame costs, token by token. */
import { createHash } from 'node:crypto';
import { shuffledIndices } from '../analysis/random.js';
import { PathPressError } from '../engine/errors.js';
import type { Engine } from '../engine/types.js';
import { closedForm } from '../policies/closed-form.js';
import { frameArms, type FrameArm, type FrameKnobs } from '../policies/frame.js';
import type { Policy } from '../policies/policy.js';
import { version } from '../package.js';
import { openGrid } from '../reproduce/grid.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';
import { fileHash, type TraceFile, type TraceKind, type TraceOutput } from './traces.js';

/**
 * Chosen by arithmetic before anything was run: with a prompt of 76 (150) tokens and an output of 3,000 the full cache
 * holds 3.0 (2.8) times the entries of the frame's, averaged over time.
 */
export const replayKnobs: FrameKnobs = { interval: 128, window: 32, ratio: 4 };

/** Tokens of prompt and output together, at most. */
export const replayTokens = 4096;

/** The frame's arms in the order in which they are run, and the full cache, which the others are held against. */
export const replayArms = [
  'full', 'rpc', 'random-persistent', 'random-runs-7', 'recency', 'lookahead', 'rpc-shuffled', 'h2o', 'r-kv', 'random-redraw', 'rpc-inverted',
] as const satisfies readonly ('full' | FrameArm)[]; // prettier-ignore
/** One of `replayArms`. */
export type ReplayArm = (typeof replayArms)[number];

/** Tokens since the same token was last there, in the prompt or the output: the most of each bin. */
export const mentionBins = [
  { name: '1–32', to: 32 },
  { name: '33–128', to: 128 },
  { name: '129–512', to: 512 },
  { name: '513–2,048', to: 2048 },
  { name: 'over 2,048', to: replayTokens },
  { name: 'never before', to: Infinity },
] as const;

/** An output to replay. */
export interface ReplayOutput {
  file: TraceFile;
  /** Row of the file, 0-based. */
  row: number;
  /** The model's chat template with the trace's prompt as the user's message. */
  promptIds: number[];
  /** Of the model's own tokenizer, cut where prompt and output come to `replayTokens`. */
  outputIds: Int32Array;
}

/** What is kept of one output: numbers, nothing of its text. */
export interface ReplayRow {
  kind: TraceKind;
  file: string;
  row: number;
  promptTokens: number;
  outputTokens: number;
  /** Output tokens that compression can touch, a bin (`mentionBins`). */
  tokens: number[];
  /** Their negative log-likelihoods, summed in each bin, in nats. */
  loss: { [arm in ReplayArm]?: number[] };
}

/** The first output token, 0-based, that a pass predicts whose cache has been compressed. */
export function firstTouched(knobs: FrameKnobs = replayKnobs): number {
  return knobs.interval + knobs.window + 1;
}

/** Each file has random numbers of its own: files that answer the same prompts would else give the same rows. */
function streamOf({ name }: TraceFile): number {
  return Number.parseInt(createHash('sha256').update(name).digest('hex').slice(0, 7), 16);
}

/**
 * Outputs drawn from a file by seed, of those that go on after the first compression: the others are the same under all
 * arms.
 * @param outputs all of the file, with ids of the model's tokenizer
 */
export function drawReplays(
  file: TraceFile,
  outputs: readonly TraceOutput[],
  tokenizer: Tokenizer,
  count: number,
  seed = 0,
): ReplayOutput[] {
  const order = shuffledIndices(outputs.length, seed, streamOf(file));
  const replays: ReplayOutput[] = [];
  for (const row of order) {
    if (replays.length === count) break;
    const { prompt, ids } = outputs[row];
    const promptIds = tokenizer.applyChat([{ role: 'user', content: prompt }]);
    const outputIds = Int32Array.from(ids).subarray(0, Math.max(0, replayTokens - promptIds.length));
    if (outputIds.length > firstTouched()) replays.push({ file, row, promptIds, outputIds });
  }
  return replays;
}

/** The first of each list, then the second of each, and so on: any beginning is fair to all. */
export function inTurn<T>(lists: readonly (readonly T[])[]): T[] {
  const longest = Math.max(0, ...lists.map((list) => list.length));
  return Array.from({ length: longest }, (_, i) => lists.flatMap((list) => list.slice(i, i + 1))).flat();
}

/** Sums values of output tokens over the bins of `mentionBins`, from `firstTouched` on. */
export function byMention(
  { promptIds, outputIds }: Pick<ReplayOutput, 'promptIds' | 'outputIds'>,
  value: (token: number) => number,
  from = firstTouched(),
): number[] {
  const sums = mentionBins.map(() => 0);
  const last = new Map<number, number>(promptIds.map((id, at) => [id, at]));
  outputIds.forEach((id, token) => {
    const at = promptIds.length + token;
    const distance = at - (last.get(id) ?? -Infinity);
    last.set(id, at);
    if (token >= from) sums[mentionBins.findIndex(({ to }) => distance <= to)] += value(token);
  });
  return sums;
}

function policyOf(arm: ReplayArm): Policy {
  return arm === 'full' ? { name: 'full' } : frameArms(replayKnobs)[arm];
}

/**
 * Replays the outputs under each arm, an output after the other, each under all arms.
 * @param outputs those that stand first are run first
 * @param options `cells` is the folder that keeps what is done, an output under an arm each: a run that was cut short
 *   goes on there, and one of more outputs or arms adds to it
 * @throws as `Engine.replay`
 */
export async function replayRows(
  engine: Engine,
  outputs: readonly ReplayOutput[],
  { arms = replayArms, cells }: { arms?: readonly ReplayArm[]; cells: string },
): Promise<ReplayRow[]> {
  const { weightsHash, simd } = engine.info;
  const bins = mentionBins.map(({ name }) => name);
  const grid = openGrid(cells, { weightsHash, simd, engine: version, knobs: replayKnobs, tokens: replayTokens, bins });
  const rows: ReplayRow[] = [];
  try {
    for (const output of outputs) {
      const { file: { kind, name, path }, row, promptIds, outputIds } = output; // prettier-ignore
      const key = `${kind}/${name} ${fileHash(path)} ${row}`;
      const loss: ReplayRow['loss'] = {};
      for (const arm of arms) loss[arm] = await grid.cell(`${key} ${arm}`, () => lossUnder(engine, output, arm));
      const tokens = byMention(output, () => 1);
      rows.push({ kind, file: name, row, promptTokens: promptIds.length, outputTokens: outputIds.length, tokens, loss });
    }
  } finally {
    grid.close();
  }
  return rows;
}

/** Nats of each bin, to a thousandth. */
async function lossUnder(engine: Engine, output: ReplayOutput, arm: ReplayArm): Promise<number[]> {
  const { file, row, promptIds, outputIds } = output;
  const stream: [number, number] = [row, streamOf(file)];
  const { logLikelihoods, cache } = await engine.replay({ promptIds, outputIds, policy: policyOf(arm), stream });
  checkLength(cache.meanEntries, output, arm);
  return byMention(output, (token) => -logLikelihoods[token]).map((sum) => Number(sum.toFixed(3)));
}

/** Every token is predicted from as many entries as under RPC, or the comparison is none. */
function checkLength(entries: number, { file, row, promptIds, outputIds }: ReplayOutput, arm: ReplayArm): void {
  const expected = closedForm(policyOf(arm === 'full' ? 'full' : 'rpc'), promptIds.length, outputIds.length).mean;
  if (Math.abs(entries - expected) < 1e-6) return;
  throw new PathPressError('INTERNAL', `${file.name}, row ${row}, ${arm}: ${entries} entries on average, not ${expected}`);
}
