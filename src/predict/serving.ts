/** Requests in rounds of as many as fit, as an engine would serve them that admits by the closed form of their peaks. */
import { readConfig } from '../engine/checkpoint.js';
import { entryBytes } from '../bench/work.js';
import { PathPressError } from '../engine/errors.js';
import { servingLoad, servingRows } from '../paper/random-attention.js';
import { closedForm } from '../policies/closed-form.js';
import type { Policy } from '../policies/policy.js';
import { settlePolicy } from '../policies/settle.js';
import { publishedGpu, type GpuCeilings } from './ceilings.js';
import { expectedQuality } from './kernels.js';
import { predictRun } from './run.js';
import { gpuModel, type GpuModel } from './step.js';

/** What is predicted of serving a load. */
export interface ServingPrediction {
  /** Sequences at once, in rounds as even as can be. */
  batch: number;
  rounds: number;
  /** Output tokens of all requests over the whole time, prompts included. */
  tokensPerSecond: number;
}

/**
 * Requests of equal lengths on one GPU. A round has as many as the memory holds at their peak, and at most as one step has
 * rows; the next one begins when it has ended.
 * @throws PathPressError BAD_OPTION where not even one fits
 */
export function predictServing(
  model: GpuModel, policy: Policy, load: { requests: number; prompt: number; length: number }, gpu: GpuCeilings,
): ServingPrediction {
  const { requests, prompt, length } = load;
  const each = closedForm(policy, prompt, length).peak * entryBytes(model.shape);
  const most = Math.min(expectedQuality.rows, Math.floor((gpu.memoryBytes - model.residentBytes) / each));
  if (most < 1) throw new PathPressError('BAD_OPTION', `${gpu.device}: ${gpu.memoryBytes} bytes hold no sequence of ${each} beside the weights`);
  const rounds = Math.ceil(requests / most);
  const batch = Math.ceil(requests / rounds);
  const { seconds } = predictRun({ model, policy, batch, prompt, length, gpu });
  const round = Object.values(seconds).reduce((sum, part) => sum + part, 0);
  return { batch, rounds, tokensPerSecond: (requests * length) / (rounds * round) };
}

/** A row of Random Attention's serving table beside what is predicted of this engine. */
export interface ServingComparison {
  model: string;
  policy: 'full' | 'random';
  reported: number;
  predicted: ServingPrediction;
}

/** The whole table; the reported numbers are vLLM's. */
export function predictServingTable(gpu = publishedGpu(servingLoad.device)): ServingComparison[] {
  const { keep, interval } = servingLoad;
  const policies = {
    full: settlePolicy('full'),
    random: settlePolicy('random', { draw: 'redraw', granularity: 'head', budget: 'cap', keep, interval, window: interval, pinPrompt: true }),
  };
  return servingRows.flatMap((row) =>
    (['full', 'random'] as const).map((policy) => {
      const predicted = predictServing(gpuModel(readConfig(row.config, row.model)), policies[policy], servingLoad, gpu);
      return { model: row.model, policy, reported: row[policy], predicted };
    }),
  );
}
