/** Which tokens stay under each arm of RPC's frame on one and the same text, as the sums that a committed record keeps of it. */
import { copiesHeld, overlap, type CopiesHeld, type Retained } from '../analysis/retention.js';
import { mean } from '../analysis/statistics.js';
import { PathPressError } from '../engine/errors.js';
import type { KeptPositions } from '../engine/types.js';
import type { FrameKnobs } from '../policies/frame.js';
import type { Policy } from '../policies/policy.js';
import { tokenClasses } from '../tasks/token-classes.js';
import type { Bundle } from './bundle.js';
import { heldSource } from './lookup-cell.js';
import { notingEvery, retentionRuns, type MarkedText, type RetentionRun, type RetentionRunOptions } from './retention-runs.js';

/** How often each copy of a repeated statement is held. */
type Copies = Omit<CopiesHeld, 'things'>;

/** Look-ups that the text has right and that are not safe (`HeldSource`): how many, and the sum of the probabilities of the right value. */
type Recalled = [count: number, probability: number];

/** (layers that hold it, from none to all) */
export interface Recall {
  /** By layers that hold the first statement. */
  first: Recalled[];
  /** Of those of which none does: by layers that hold a later copy. */
  later: Recalled[];
  /** Of each layer: those of which it does not hold the first statement, and those of which it does. */
  layers: [without: Recalled, holding: Recalled][];
}

/** What one arm held of the candidates. Sums run over a problem's compressions; what is held is the mean over layers, or heads. */
export interface RetentionArm {
  arm: string;
  /** (problems)(classes) tokens held. */
  held: number[][];
  /** (age bins) tokens held. */
  ages: number[];
  /** (layers or heads)(classes) tokens held, of all problems together. */
  sets: number[][];
  /** (problems) repeated statements of which the first copy is held, the latest, any, all. */
  copies: { [which in keyof Copies]: number[] };
  /** (problems) mean overlap of two of its layers, or heads; null without a compression. */
  agreement: (number | null)[];
  /** (classes) bits by which the arm was surprised by the text's tokens after the first compression, of all problems together. */
  bits: number[];
  /** (problems) later attention of the full cache to candidates that are not held. Of arms with one set a layer, as is the next. */
  lost?: number[];
  recall?: Recall[];
}

/** A task under all arms. Candidates are the generated tokens before the window; all arms hold equally many of them. */
export interface RetentionCell extends FrameKnobs {
  task: string;
  problems: number;
  /** (problems) */
  compressions: number[];
  /** (problems)(classes) candidates. */
  tokens: number[][];
  /** (age bins of `ageBin` tokens) candidates. */
  ages: number[];
  /** (problems) statements of which at least two copies are candidates. */
  repeated: number[];
  /**
   * (problems) attention of the full cache, mean over heads and layers, from each compression until the next is due: to all
   * (a query row gives 1) and to the candidates.
   */
  attention: { all: number[]; candidates: number[] };
  /** (classes) the latter by class, of all problems together. */
  attentionTo: number[];
  /** (problems) the same look-ups under the full cache. */
  recall: Recalled[];
  /** (classes) tokens of `bits`, and the bits under the full cache. */
  written: number[];
  bits: number[];
  arms: RetentionArm[];
  /** (problems) mean overlap of what two arms with one set a layer hold of the candidates, layer by layer; null without a compression. */
  overlaps: { arms: [string, string]; each: (number | null)[] }[];
}

/** Tokens that an age bin spans. */
export const ageBin = 64;
const span = 2; // digits of a value

/**
 * Runs the full cache, then every arm along its text.
 * @param arms by name, of these knobs; attention is noted every 32 tokens, so that interval and window are multiples of it
 * @throws BAD_OPTION for another interval or window; as `Engine.generateMany` and `Engine.replay`
 */
export async function retentionCell(bundle: Bundle, task: string, arms: Record<string, Policy>, options: FrameKnobs & RetentionRunOptions): Promise<RetentionCell> {
  const { problems, interval, window, ratio } = options;
  for (const [name, value] of Object.entries({ interval, window })) {
    if (value % notingEvery !== 0) throw new PathPressError('BAD_OPTION', `${name} ${value} is not a multiple of ${notingEvery}, the tokens between two notes of attention`);
  }
  const runs = await retentionRuns(bundle, task, arms, options);
  return { task, problems, interval, window, ratio, ...sumRetention(runs, Object.keys(arms), interval, window) };
}

/** The sums of these runs. @param interval,window of all arms */
export function sumRetention(runs: readonly RetentionRun[], arms: readonly string[], interval: number, window: number): Omit<RetentionCell, keyof FrameKnobs | 'task' | 'problems'> {
  const places = runs.map(({ along, text }) => along[arms[0]].compressions.map(({ generated, length }): Place => ({ generated, length, from: text.promptTokens, to: length - window })));
  const layered = arms.filter((arm) => runs.some(({ along }) => along[arm].compressions[0]?.sets[0].head === null));
  const pairs = layered.flatMap((a, i) => layered.slice(i + 1).map((b): [string, string] => [a, b]));
  const later = runs.map(({ text, noted }, i) => laterAttention(text, places[i], noted, interval));
  return {
    compressions: places.map(({ length }) => length),
    tokens: runs.map(({ text }, i) => byClass(places[i].flatMap(({ from, to }) => text.classes.slice(from, to)), () => 1)),
    ages: addAll(places.flat().map((place) => agesOf(place, () => 1))),
    repeated: runs.map(({ text }, i) => places[i].reduce((sum, place) => sum + candidateCopies(text, place).length, 0)),
    attention: { all: later.map((one) => round(one.all)), candidates: later.map((one) => round(one.candidates)) },
    attentionTo: addAll(later.map((one) => one.byClass)).map(round),
    recall: runs.map((run) => recallOf(run, 'full', run.along[arms[0]].compressions, window).first.reduce<Recalled>((sum, [count, p]) => [sum[0] + count, round(sum[1] + p)], [0, 0])),
    written: addAll(runs.map(({ text }, i) => byClass(text.classes.slice(seenFrom(places[i])), () => 1))),
    bits: addAll(runs.map((run, i) => bitsOf(run, 'full', places[i]))).map(round),
    arms: arms.map((arm) => {
      const own = runs.map(({ text, along }, i) => tally(text, places[i], along[arm].compressions));
      const copies = (which: keyof Copies): number[] => own.map((one) => round(one.copies[which]));
      return {
        arm,
        held: own.map(({ held }) => held.map(round)),
        ages: addAll(own.map(({ ages }) => ages)).map(round),
        sets: addTables(own.map(({ sets }) => sets)),
        copies: { first: copies('first'), latest: copies('latest'), any: copies('any'), all: copies('all') },
        agreement: own.map(({ agreement }) => agreement),
        bits: addAll(runs.map((run, i) => bitsOf(run, arm, places[i]))).map(round),
        ...(layered.includes(arm) && {
          lost: runs.map(({ along }, i) => round(later[i].lost(along[arm].compressions))),
          recall: runs.map((run) => recallOf(run, arm, run.along[arm].compressions, window)),
        }),
      };
    }),
    overlaps: pairs.map(([a, b]) => ({ arms: [a, b], each: runs.map(({ along }, i) => meanOverlap(places[i], along[a].compressions, along[b].compressions)) })),
  };
}

/** A compression of a text: candidates stand at [from, to) of the `length` tokens that had entries. */
interface Place {
  generated: number;
  length: number;
  from: number;
  to: number;
}

const round = (value: number): number => Number(value.toFixed(3));
const meanOrNull = (values: readonly number[]): number | null => (values.length === 0 ? null : round(mean(values)));
const addAll = (rows: readonly number[][]): number[] =>
  Array.from({ length: Math.max(0, ...rows.map(({ length }) => length)) }, (_, i) => rows.reduce((sum, row) => sum + (row[i] ?? 0), 0));
const addTables = (tables: readonly number[][][]): number[][] =>
  Array.from({ length: Math.max(0, ...tables.map(({ length }) => length)) }, (_, row) => addAll(tables.map((table) => table[row] ?? [])));

function byClass(classes: readonly number[], weight: (i: number) => number): number[] {
  const sums = tokenClasses.map(() => 0);
  classes.forEach((one, i) => (sums[one] += weight(i)));
  return sums;
}

function agesOf({ from, to, length }: Place, weight: (at: number) => number): number[] {
  const bins: number[] = Array.from({ length: Math.ceil((length - from) / ageBin) }, () => 0);
  for (let at = from; at < to; at++) bins[Math.floor((length - 1 - at) / ageBin)] += weight(at);
  return bins;
}

const candidateCopies = ({ copies }: MarkedText, { from, to }: Place): number[][] =>
  copies.map((group) => group.filter((at) => at >= from && at + span <= to)).filter((group) => group.length > 1);

function tally(text: MarkedText, places: readonly Place[], compressions: readonly Retained[]) {
  const each = compressions.map(({ sets }, n) => {
    const { from, to } = places[n];
    const share = (at: number): number => sets.reduce((sum, { held }) => sum + held[at], 0) / sets.length;
    const candidates = text.classes.slice(from, to);
    const groups = candidateCopies(text, places[n]);
    const copies = sets.map(({ held }) => copiesHeld(groups, span, held));
    return {
      held: byClass(candidates, (i) => share(from + i)),
      ages: agesOf(places[n], share),
      sets: sets.map(({ held }) => byClass(candidates, (i) => held[from + i])),
      copies: (which: keyof Copies): number => mean(copies.map((one) => one[which])),
      agreement: mean(sets.flatMap((a, i) => sets.slice(i + 1).map((b) => overlap(a.held, b.held, from, to)!))),
    };
  });
  const copies = (which: keyof Copies): number => each.reduce((sum, one) => sum + one.copies(which), 0);
  return {
    held: addAll([byClass([], () => 1), ...each.map(({ held }) => held)]),
    ages: addAll(each.map(({ ages }) => ages)),
    sets: addTables(each.map(({ sets }) => sets)),
    copies: { first: copies('first'), latest: copies('latest'), any: copies('any'), all: copies('all') },
    agreement: meanOrNull(each.map(({ agreement }) => agreement)),
  };
}

function meanOverlap(places: readonly Place[], a: readonly Retained[], b: readonly Retained[]): number | null {
  return meanOrNull(places.flatMap(({ from, to }, n) => a[n].sets.map(({ held }, layer) => overlap(held, b[n].sets[layer].held, from, to)!)));
}

/** The first token that a compressed cache had to foresee; past all of a text without a compression. */
const seenFrom = (places: readonly Place[]): number => (places.length === 0 ? Infinity : places[0].length + 1);

function bitsOf({ along, text }: RetentionRun, arm: string, places: readonly Place[]): number[] {
  const from = seenFrom(places);
  return byClass(text.classes.slice(from), (i) => -along[arm].logLikelihoods[from + i - text.promptTokens] / Math.LN2);
}

/** @param compressions of one set a layer: what is held of each look-up is counted by them, how likely it was by `arm`'s own run */
function recallOf({ along, text }: RetentionRun, arm: string, compressions: readonly Retained[], window: number): Recall {
  const layers = compressions[0]?.sets.length ?? 0;
  const empty = (): Recalled[] => Array.from({ length: layers + 1 }, (): Recalled => [0, 0]);
  const recall: Recall = { first: empty(), later: empty(), layers: Array.from({ length: layers }, () => [[0, 0], [0, 0]]) };
  const { logLikelihoods } = along[arm];
  for (const lookup of text.lookups) {
    const held = heldSource(lookup, text.promptTokens, compressions, window);
    if (held === null || held.safe || !lookup.right) continue;
    const digit = lookup.at - text.promptTokens;
    const probability = Math.exp(logLikelihoods[digit] + logLikelihoods[digit + 1]);
    const bins = [
      recall.first[Math.round(held.first * layers)],
      ...(held.first === 0 ? [recall.later[Math.round(held.later * layers)]] : []),
      ...recall.layers.map((pair, layer) => pair[Number(held.firstIn[layer])]),
    ];
    for (const bin of bins) {
      bin[0]++;
      bin[1] += probability;
    }
  }
  const rounded = (bins: Recalled[]): Recalled[] => bins.map(([count, sum]) => [count, round(sum)]);
  return { first: rounded(recall.first), later: rounded(recall.later), layers: recall.layers.map((pair) => rounded(pair) as [Recalled, Recalled]) };
}

/** Attention between each compression and the next (or the last time that it was noted), mean over layers. */
function laterAttention(text: MarkedText, places: readonly Place[], noted: readonly KeptPositions[], interval: number) {
  const layers = 1 + Math.max(...noted.map(({ layer }) => layer));
  const last = Math.max(...noted.map(({ generated }) => generated));
  const sums = new Map(noted.map((one) => [`${one.generated} ${one.layer}`, one.mass!]));
  const gathered = places.map(({ generated, to }) =>
    Array.from({ length: layers }, (_, layer) => {
      const [before, after] = [generated, Math.min(generated + interval, last)].map((time) => sums.get(`${time} ${layer}`)!);
      return Float64Array.from({ length: to }, (_, at) => (after[at] - before[at]) / layers); // (candidates and what stands before them)
    }),
  );
  const over = (weight: (at: number, layer: number, compression: number) => number): number => {
    let sum = 0;
    places.forEach(({ from, to }, n) => gathered[n].forEach((mass, layer) => { for (let at = from; at < to; at++) sum += mass[at] * weight(at, layer, n); })); // prettier-ignore
    return sum;
  };
  return {
    all: places.reduce((sum, { generated }) => sum + Math.min(interval, last - generated), 0),
    candidates: over(() => 1),
    byClass: tokenClasses.map((_, one) => over((at) => Number(text.classes[at] === one))),
    lost: (compressions: readonly Retained[]): number => over((at, layer, n) => 1 - compressions[n].sets[layer].held[at]),
  };
}
