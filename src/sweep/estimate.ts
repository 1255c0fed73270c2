/** How long a sweep will take, from its own records where there are some, else from a second of its work. */
import { openEngine } from '../engine/engine.js';
import { batchOf } from '../evaluate/batch.js';
import { evaluate } from '../evaluate/evaluate.js';
import { tasks } from '../tasks/registry.js';
import { loadTokenizer } from '../tokenizer/tokenizer.js';
import { crewOf } from './crew.js';
import { cellRecords, hasManifest } from './folder.js';
import { readState } from '../run-lock.js';
import type { SweepPlan } from './plan.js';
import type { RunSweepOptions } from './run.js';
import { samplesOf } from './shard.js';

/** Time that a sweep needs, and where the number comes from. */
export interface SweepEstimate {
  seconds: number;
  /** True where no length is known: every sample at its full one; what workers take to start is not counted. */
  atMost: boolean;
  /** How it was found, for people. */
  how: string;
}

const trialSeconds = 1; // a model
const trialProblems = 128; // more than the bundled reasoner ends in that time

/**
 * Time that the samples which are left of a plan need. Without a run in the folder each model generates for a second, on
 * the first problems of the first cell that is not the full cache's, with all threads of the crew in one engine.
 * @throws what opening a model or generating throws; as `cellRecords`
 */
export async function estimateSweep(plan: SweepPlan, options: Pick<RunSweepOptions, 'out' | 'workers' | 'threads' | 'batch' | 'signal'>): Promise<SweepEstimate> {
  const cells = samplesLeft(plan, options.out);
  const left = cells.reduce((sum, samples) => sum + samples, 0);
  if (left === 0) return { seconds: 0, atMost: false, how: 'nothing is left' };
  const state = readState(options.out);
  if (state && state.done > state.before && hasManifest(options.out)) {
    const seconds = (state.updated - state.started) / 1000;
    const made = state.done - state.before;
    return { seconds: (seconds / made) * left, atMost: false, how: `the last run here recorded ${made} samples in ${seconds.toFixed(0)} s` };
  }
  const rates = new Map<string, number>(); // tokens a second, by folder
  const needed = new Set(plan.folders.filter((_, i) => cells[i]! > 0));
  for (const folder of needed) rates.set(folder, await trial(plan, folder, options));
  let seconds = 0;
  plan.manifest.cells.forEach(({ settings }, i) => {
    if (cells[i]! > 0) seconds += (cells[i]! * settings.maxTokens) / rates.get(plan.folders[i]!)!;
  });
  const shown = [...rates.values()].map((rate) => rate.toFixed(0)).join(', ');
  return { seconds, atMost: true, how: `${shown} tokens/s in a trial of ${trialSeconds} s a model, ${left} samples at their full length` };
}

/** Of each cell, in the plan's shard. */
function samplesLeft({ manifest }: SweepPlan, out: string): number[] {
  const begun = hasManifest(out);
  return manifest.cells.map((cell, i) => {
    const wanted = samplesOf(cell, i, manifest.shard).length;
    return wanted > 0 && begun ? wanted - cellRecords(out, manifest, i).length : wanted;
  });
}

async function trial({ manifest, folders, load }: SweepPlan, folder: string, options: Parameters<typeof estimateSweep>[1]): Promise<number> {
  const { signal } = options;
  const { workers, threads } = crewOf(options, load);
  const batch = workers * (options.batch ?? batchOf(workers, load));
  const mine = manifest.cells.filter((_, i) => folders[i] === folder);
  const { settings, problems } = mine.find((cell) => cell.settings.policy.name !== 'full') ?? mine[0]!;
  const { sampling, seed, stop, task } = settings;
  const tokenizer = await loadTokenizer(folder);
  const engine = await openEngine({ model: folder, cache: settings.cache, threads: workers * threads, device: load.device });
  try {
    let tokens = 0;
    const started = performance.now();
    const enough = AbortSignal.any([AbortSignal.timeout(trialSeconds * 1000), ...(signal ? [signal] : [])]);
    await evaluate(engine, tokenizer, tasks[task.name]!, {
      ...settings,
      model: folder,
      sampling: { ...sampling, seed },
      stop,
      problems: Math.min(problems, Math.max(trialProblems, 2 * batch)),
      batch,
      signal: enough,
      onProgress: (progress) => (tokens = progress.tokens),
    });
    signal?.throwIfAborted();
    return Math.max(1, tokens) / ((performance.now() - started) / 1000);
  } finally {
    engine.dispose();
  }
}
