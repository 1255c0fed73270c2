/** H2O and TOVA with a cap of each sample's own: a quarter of the length that the full cache gives it. */
import { wilson } from '../analysis/statistics.js';
import { evaluate } from '../evaluate/evaluate.js';
import type { EvalRecord } from '../evaluate/record.js';
import { leastCap } from '../policies/capped.js';
import type { H2oPolicy, Policy, TovaPolicy } from '../policies/policy.js';
import { settlePolicy } from '../policies/settle.js';
import { sampleFigures } from '../sweep/summary.js';
import { tasks } from '../tasks/registry.js';
import type { Split } from '../tasks/task.js';
import type { Bundle } from './bundle.js';
import { readable } from './cell-records.js';
import { outcomesOf, type RivalCell } from './rival-cells.js';

/** Whose quarter a cap is: what was generated, as the authors of RPC have it, or all that the full cache came to hold. */
export type QuarterOf = 'output' | 'prompt and output';

/** One policy on a task, each sample under its own cap. */
export interface OwnQuarterCell extends RivalCell {
  /** That of the first problem. */
  policy: Policy;
  quarterOf: QuarterOf;
  /** Tokens that each problem's sample has under the full cache: the prompt's, and the generated ones. */
  prompts: number[];
  fullLengths: number[];
  /** Entries of one set, the prompt's included, that each problem's sample may keep. */
  caps: number[];
}

type CappedRival = (H2oPolicy | TovaPolicy) & { keep: number };

/** What `ownQuarterCells` runs: problems, split and seed of every cell, and whom to tell. */
export interface OwnQuarterOptions {
  problems: number;
  split?: Split;
  seed?: number;
  batch?: number;
}

/**
 * The settled policy whose cap is a quarter of a length, rounded down: at least what the policy admits the prompt with.
 * @param length in tokens
 */
export function quarterPolicy(name: 'h2o' | 'tova', pinPrompt: boolean, length: number, promptTokens: number): CappedRival {
  const capped = (keep: number): CappedRival => settlePolicy(name, { pinPrompt, keep }) as CappedRival;
  const quarter = Math.max(1, Math.floor(length / 4));
  return capped(Math.max(quarter, leastCap(capped(quarter), promptTokens)));
}

/**
 * The per-sample budget of arXiv 2505.13866 for H2O and TOVA: the full cache writes each problem first, then each policy
 * writes it anew, with the prompt not pinned and pinned, under a quarter of that very sample's length.
 * @param taskName a name of `tasks`
 * @throws as `evaluate`
 */
export async function ownQuarterCells(bundle: Bundle, taskName: string, { problems, split = 'tune', seed = 0, batch }: OwnQuarterOptions): Promise<OwnQuarterCell[]> {
  const { maxTokens, ...sampling } = bundle.defaults;
  const run = async (policy: Policy | ((sample: { problem: number }) => Policy)): Promise<EvalRecord[]> =>
    (await evaluate(bundle.engine, bundle.tokenizer, tasks[taskName], { model: bundle.folder, policy, sampling: { ...sampling, seed }, maxTokens, split, problems, batch })).records;
  const full = await run(settlePolicy('full'));
  const cells: OwnQuarterCell[] = [];
  for (const rival of ['h2o', 'tova'] as const) {
    for (const pinned of [false, true]) {
      for (const quarterOf of ['output', 'prompt and output'] as const) {
        const own = full.map(({ promptTokens, generatedTokens }) =>
          quarterPolicy(rival, pinned, generatedTokens + (quarterOf === 'output' ? 0 : promptTokens), promptTokens),
        );
        const records = await run(({ problem }) => own[problem]);
        cells.push({
          task: taskName, arm: `${rival} keep=own pinPrompt=${pinned}`, rival, policy: own[0], cache: records[0].cache, pinned, published: !pinned,
          budget: `own ${quarterOf}`, quarterOf, ...summaryOf(records), ...outcomesOf(records),
          prompts: full.map(({ promptTokens }) => promptTokens), fullLengths: full.map(({ generatedTokens }) => generatedTokens), caps: own.map(({ keep }) => keep),
        }); // prettier-ignore
      }
    }
  }
  return cells;
}

function summaryOf(records: readonly EvalRecord[]): Pick<RivalCell, 'complete' | 'samples' | 'problems' | 'accuracy' | keyof ReturnType<typeof sampleFigures>> {
  const figures = sampleFigures(records);
  const right = records.filter(({ correct }) => correct).length;
  return { complete: true, samples: records.length, problems: records.length, accuracy: wilson(right, records.length), ...figures, ...readable(figures) };
}
