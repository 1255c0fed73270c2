/** The paper's throughput grid and what an engine near the memory's speed should reach in each of its cells. */
import { readConfig } from '../engine/checkpoint.js';
import { architectures } from '../paper/architectures.js';
import type { PaperCell } from '../paper/reported.js';
import type { Policy } from '../policies/policy.js';
import { settlePolicy } from '../policies/settle.js';
import type { GpuCeilings } from './ceilings.js';
import { predictRun } from './run.js';
import { gpuModel } from './step.js';

/** A cell on one kind of GPU; tokens a second. */
export interface GridPrediction extends PaperCell {
  device: string;
  /** More than one: shared out ideally, with nothing lost to their talk. */
  gpus: number;
  /** Null where the GPUs' memory does not hold weights and one copy of the cache. */
  predicted: number | null;
  /** Reading weights and cache at the ceiling's bandwidth, nothing else; null likewise. */
  floor: number | null;
  /** Null where the paper ran out of memory. */
  reported: number | null;
  /** By a record of this engine on this GPU. */
  measured?: number;
}

const promptTokens = 128;

/** The paper's names: `Full KV`, `RPC P=1024`; R = 32, c = 4. */
function methodPolicy(method: string): Policy {
  const interval = Number(/P=(\d+)/.exec(method)?.[1]);
  return interval ? settlePolicy('rpc', { interval, window: 32, ratio: 4 }) : settlePolicy('full');
}

/**
 * Predicts each cell of the grid on each kind of GPU: the 7B model on one, QwQ-32B on as many as the paper used.
 * @param grid as `reported().throughputGrid`
 */
export function predictThroughputGrid(grid: (PaperCell & { tokensPerSecond: number | null })[], devices: GpuCeilings[]): GridPrediction[] {
  return devices.flatMap((gpu) =>
    grid.map(({ model, method, length, batch, tokensPerSecond: reported }): GridPrediction => {
      const { config, gpus } = architectures[model]!;
      const run = { model: gpuModel(readConfig(config, model)), policy: methodPolicy(method), batch, prompt: promptTokens, length, gpus, gpu };
      const { tokensPerSecond, floorTokensPerSecond, fits } = predictRun(run);
      const cell = { model, method, length, batch, device: gpu.device, gpus, reported };
      return { ...cell, predicted: fits ? tokensPerSecond : null, floor: fits ? floorTokensPerSecond : null };
    }),
  );
}
