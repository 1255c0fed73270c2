/** Texts of the full cache, each policy replayed along them: what the sums of `retention-cell.ts` are made of. */
import { retained, type Retained } from '../analysis/retention.js';
import type { KeptPositions } from '../engine/types.js';
import { defaultBatch } from '../evaluate/batch.js';
import type { Policy } from '../policies/policy.js';
import { settlePolicy } from '../policies/settle.js';
import { tasks } from '../tasks/registry.js';
import { lookupsOf, repeatedStatements, statementsOf, type Lookup } from '../tasks/statements.js';
import { classesOf, tokenClasses } from '../tasks/token-classes.js';
import type { Split } from '../tasks/task.js';
import type { Bundle } from './bundle.js';

/** A text with what is to be counted on it. */
export interface MarkedText {
  /** Prompt and output, a word a token. */
  words: string[];
  promptTokens: number;
  /** (words) index into `tokenClasses`. */
  classes: number[];
  /** First digits of the copies of each repeated statement. */
  copies: number[][];
  lookups: Lookup[];
}

/** @param words prompt and output, a word a token */
export function markText(words: string[], promptTokens: number): MarkedText {
  return {
    words,
    promptTokens,
    classes: classesOf(words).map((one) => tokenClasses.indexOf(one)),
    copies: repeatedStatements(statementsOf(words)).map((group) => group.map(({ at }) => at)),
    lookups: lookupsOf(words),
  };
}

/** What one problem gave. */
export interface RetentionRun {
  text: MarkedText;
  /** Of each arm along the text, `full` among them: what it held, and how likely each output token was to it. */
  along: Record<string, { compressions: Retained[]; logLikelihoods: Float32Array }>;
  /** Attention that each entry of the full cache had gathered, every 32 tokens. */
  noted: KeptPositions[];
}

export interface RetentionRunOptions {
  problems: number;
  split?: Split;
  seed?: number;
  batch?: number;
}

export const notingEvery = 32;
/** Notes attention and evicts nothing, so that its text is the full cache's. */
const noting = settlePolicy('h2o', { budget: 'ratio', ratio: 1, interval: notingEvery, window: notingEvery, recent: 'window', pinPrompt: true, aggregation: 'layer' });

/**
 * Lets the full cache write, with the model's own sampling, and replays every arm along what it wrote.
 * @throws as `Engine.generateMany` and `Engine.replay`
 */
export async function retentionRuns(bundle: Bundle, task: string, arms: Record<string, Policy>, { problems, split = 'tune', seed = 0, batch = defaultBatch }: RetentionRunOptions): Promise<RetentionRun[]> {
  const { engine, tokenizer } = bundle;
  const { maxTokens, ...sampling } = bundle.defaults;
  const prompts = Array.from({ length: problems }, (_, i) => tokenizer.encode(tasks[task].problem(split, i).prompt));
  const keys = prompts.map((_, i) => ({ stream: [i, 0] as [number, number], trace: true }));
  const whole = await engine.generateMany(prompts.map((promptIds, i) => ({ promptIds, policy: noting, sampling: { ...sampling, seed }, maxTokens, ...keys[i] })), { batch });
  const runs: RetentionRun[] = [];
  for (const [i, { ids, trace: noted = [] }] of whole.entries()) {
    const promptIds = prompts[i];
    const along: RetentionRun['along'] = {};
    for (const [arm, policy] of Object.entries({ full: { name: 'full' } as Policy, ...arms })) {
      const { trace = [], logLikelihoods } = await engine.replay({ promptIds, outputIds: ids, policy, seed, ...keys[i] });
      along[arm] = { compressions: retained(trace, promptIds.length), logLikelihoods };
    }
    runs.push({ text: markText([...promptIds, ...ids].map((id) => tokenizer.token(id)!), promptIds.length), along, noted });
  }
  return runs;
}

/** A text and what each arm held of it, small enough for a record: after the prompt, a character a token. */
export interface RetentionMap {
  task: string;
  problem: number;
  words: string[];
  layers: number;
  /** Generated tokens at each compression. */
  compressions: number[];
  /** Layers that hold each token that had an entry, in base 36, a string a compression. */
  views: { arm: string; held: string[] }[];
}

/** The map of the first problem. @throws as `retentionRuns` */
export async function retentionMap(bundle: Bundle, task: string, arms: Record<string, Policy>, options: Omit<RetentionRunOptions, 'problems'> = {}): Promise<RetentionMap> {
  const [{ text, along }] = await retentionRuns(bundle, task, arms, { ...options, problems: 1 });
  const digits = ({ sets, length }: Retained): string =>
    Array.from({ length: length - text.promptTokens }, (_, at) => sets.reduce((sum, { held }) => sum + held[text.promptTokens + at], 0).toString(36)).join('');
  const first = along[Object.keys(arms)[0]].compressions;
  return {
    task, problem: 0, words: text.words.slice(text.promptTokens), layers: first[0].sets.length, compressions: first.map(({ generated }) => generated),
    views: Object.keys(arms).map((arm) => ({ arm, held: along[arm].compressions.map(digits) })),
  };
}
