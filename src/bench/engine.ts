/** Passes of our engine, timed from outside: what a program that uses it waits. */
import type { NativeEngine, NativeReading, NativeRequest } from '../engine/binding.js';
import { readCheckpoint } from '../engine/checkpoint.js';
import { loadNative } from '../engine/engine.js';
import { Run } from '../engine/run.js';
import type { GenerateResult, ProductType } from '../engine/types.js';
import { settlePolicy } from '../policies/settle.js';
import type { Policy } from '../policies/policy.js';
import { bufferSize } from './floors.js';

export interface EngineChoice {
  threads: number;
  simd: string;
  /** float32 where left out. */
  products?: ProductType;
}

export interface DecodeRun {
  /** Wall time of one decode step of the whole batch. */
  step: number;
  /** Of the whole batch in all. */
  compress: number;
  results: GenerateResult[];
}

const full = settlePolicy('full', {});
const betweenReadings = 4000; // milliseconds; one takes some 200

export class BenchEngine {
  private constructor(
    private readonly native: NativeEngine,
    private readonly simd: string,
  ) {}

  static async open(model: string, { threads, simd, products }: EngineChoice): Promise<BenchEngine> {
    return new BenchEngine(await loadNative({ threads, simd, products }, await readCheckpoint(model)), simd);
  }

  dispose(): void {
    this.native.dispose();
  }

  /**
   * `steps` greedy decode steps after one that warms up, of `batch` sequences whose caches hold `entries` made-up entries
   * of the prompt and `written` generated tokens (binding.ts) before that.
   */
  async decode(batch: number, entries: number, steps: number, written = entries, policy: Policy = full): Promise<DecodeRun> {
    const request = { promptIds: Int32Array.of(0), policy, maxTokens: steps + 1, assumed: { entries, written } };
    let left = batch;
    let start = 0;
    const results = await this.#run(Array.from({ length: batch }, () => request), batch, () => {
      if (--left === 0) start = performance.now();
    });
    const step = (performance.now() - start) / 1000 / steps;
    return { step, compress: results.reduce((sum, { seconds }) => sum + seconds.compress, 0), results };
  }

  /** Seconds from a prompt of `tokens` to its first token. */
  async prefill(tokens: number, vocab: number): Promise<number> {
    const promptIds = Int32Array.from({ length: tokens }, (_, i) => i % vocab);
    const start = performance.now();
    await this.#run([{ promptIds, policy: full, maxTokens: 1 }], 1);
    return (performance.now() - start) / 1000;
  }

  /** Whole generations of `tokens` each, in a batch of `batch`: the wall time, and the results. */
  async generate(prompts: Int32Array[], batch: number, tokens: number, policy: Policy): Promise<{ seconds: number; results: GenerateResult[] }> {
    const start = performance.now();
    const results = await this.#run(prompts.map((promptIds) => ({ promptIds, policy, maxTokens: tokens })), batch);
    return { seconds: (performance.now() - start) / 1000, results };
  }

  /**
   * Likewise of generations that take minutes, in which the machine gives now more and now less: with what it gave, read every
   * few seconds between two steps. Readings are not in the time.
   */
  async generateWatched(
    prompts: Int32Array[],
    batch: number,
    tokens: number,
    policy: Policy,
    { bytes, type }: { bytes: number; type: 'f32' | 'bf16' },
  ): Promise<{ seconds: number; results: GenerateResult[]; readings: NativeReading[] }> {
    const readings: NativeReading[] = [];
    let last = Promise.resolve();
    const read = (): void => {
      last = new Promise((done) =>
        this.native.readBetween(bufferSize(bytes), type, this.simd, (reading) => {
          readings.push(reading);
          done();
        }),
      );
    };
    const timer = setInterval(read, betweenReadings);
    try {
      read(); // before the first step: the run is queued behind it
      const { seconds, results } = await this.generate(prompts, batch, tokens, policy);
      const reading = readings.reduce((sum, one) => sum + one.seconds, 0); // those that ended before the run did
      clearInterval(timer);
      await last; // one that the last step was quicker than
      return { seconds: seconds - reading, results, readings };
    } finally {
      clearInterval(timer);
    }
  }

  async #run(
    requests: Pick<NativeRequest, 'promptIds' | 'policy' | 'maxTokens' | 'assumed'>[],
    batch: number,
    onToken?: () => void,
  ): Promise<GenerateResult[]> {
    const results: GenerateResult[] = [];
    const whole = requests.map((request, i) => ({
      ...request,
      sampling: { temperature: 0, topP: 1, topK: 0, minP: 0, seed: 0 },
      stopIds: new Int32Array(),
      stream: Int32Array.of(i, 0),
      trace: false,
      tokens: onToken !== undefined,
      lockstep: false,
      aborted: false,
    }));
    await new Run(this.native, whole, batch, 0, { onToken, onResult: (index, result) => void (results[index] = result) }).done;
    return results;
  }
}
