/** The typed face of the native engine. */
import { availableParallelism } from 'node:os';
import { version } from '../package.js';
import { loadBinding, type NativeEngine } from './binding.js';
import { hashWeights, readCheckpoint, type Checkpoint } from './checkpoint.js';
import { PathPressError, toError } from './errors.js';
import { NativeGeneration, TokenQueue } from './generation.js';
import { checkIds, checkOptions, checkReplay, checkRequest, checkSignal } from './request.js';
import { Run } from './run.js';
import type { Engine, EngineOptions, GenerateRequest, GenerateResult, Generation, ModelInfo, ReplayRequest, ReplayResult } from './types.js';

/**
 * Opens a folder in Hugging Face layout (config.json, *.safetensors). Weights are copied into memory where half of what
 * is free holds them, or into a GPU's; else files above 64 MiB stay mapped (`info.weightsMapped`): while they are in use
 * they must not be written to, since a file cut off ends the process (SIGBUS).
 * Dispose of the engine when done.
 * @throws NOT_BUILT, CUDA_UNAVAILABLE (with the reason), OUT_OF_MEMORY, BAD_OPTION, BAD_FILE, BAD_JSON, BAD_CONFIG, UNKNOWN_FAMILY, BAD_TENSOR, BAD_WEIGHTS
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  checkOptions(options);
  const start = performance.now();
  const checkpoint = await readCheckpoint(options.model);
  const { config, weightFiles, eosIds } = checkpoint;
  const failed = new AbortController();
  const hash = hashWeights(weightFiles, failed.signal); // while the engine loads: at 15 GB either takes its time
  hash.catch(() => undefined); // it is awaited later, or not at all
  const native = await loadNative(options, checkpoint).catch((error: unknown) => {
    failed.abort();
    throw error;
  });
  // Another opening of these files may have given the hash up.
  const weightsHash = await hash.catch(() => hashWeights(weightFiles)).catch((error: unknown) => {
    native.dispose();
    throw error;
  });
  const { weightsType, weightsBytes, weightsMapped, simd } = native.info();
  const info: ModelInfo = {
    device: options.device ?? 'cpu',
    family: config.family,
    layers: config.layers,
    heads: config.heads,
    kvHeads: config.kvHeads,
    headDim: config.headDim,
    vocabSize: config.vocab,
    weightsType,
    weightsBytes,
    weightsMapped,
    weightsHash,
    eosIds,
    simd,
  };
  return new NativeBackedEngine(native, info, (performance.now() - start) / 1000);
}

/** The native engine of a folder that says `checkpoint`. @throws as `openEngine`, but options are not checked */
export async function loadNative(options: Omit<EngineOptions, 'model'>, { config, weightFiles }: Checkpoint): Promise<NativeEngine> {
  const { device = 'cpu' } = options;
  return loadBinding()
    .load({
      config,
      weightFiles,
      device,
      threads: options.threads ?? availableParallelism(),
      cache: options.cache ?? '',
      simd: options.simd ?? process.env.PATHPRESS_SIMD ?? '',
      products: options.products ?? (device === 'cuda' ? 'bf16' : 'float32'),
      cacheLimit: options.cacheLimit ?? 0,
      prefillRows: options.prefillRows ?? 128,
    })
    .catch((error: unknown) => {
      throw toError(error);
    });
}

/**
 * Version of the engine, and what it can run on: the instruction set (scalar, avx2, avx512), and a GPU or why not.
 * @throws NOT_BUILT
 */
export function versions(): { engine: string; simd: string; cuda: boolean; whyNoCuda?: string } {
  const simd = process.env.PATHPRESS_SIMD ?? loadBinding().simd().at(-1) ?? 'scalar';
  const whyNoCuda = loadBinding().whyNoCuda();
  return { engine: version, simd, ...(whyNoCuda ? { cuda: false, whyNoCuda } : { cuda: true }) };
}

class NativeBackedEngine implements Engine {
  private disposed = false;

  constructor(
    private readonly native: NativeEngine,
    readonly info: ModelInfo,
    private readonly loadSeconds: number,
  ) {}

  private live(): NativeEngine {
    if (this.disposed) throw new PathPressError('DISPOSED', 'the engine was disposed');
    return this.native;
  }

  generate(request: GenerateRequest): Generation {
    const native = this.live();
    const checked = { ...checkRequest(request, this.info), tokens: true };
    let result: GenerateResult | undefined;
    const tokens = new TokenQueue(() => run.stop(0));
    const run = new Run(native, [checked], 1, this.loadSeconds, {
      onToken: (_, id) => {
        tokens.push(id);
        return request.onTokens?.([id]);
      },
      onResult: (_, value) => void (result = value),
    });
    const unlisten = abortOn(request.signal, run);
    const finished = run.done.finally(unlisten).then(() => result as GenerateResult);
    return new NativeGeneration(finished, tokens, () => run.stop(0));
  }

  async generateMany(
    requests: GenerateRequest[],
    options: Parameters<Engine['generateMany']>[1] = {},
  ): Promise<GenerateResult[]> {
    const native = this.live();
    const { batch = 16, signal, onResult } = options;
    if (!Number.isSafeInteger(batch) || batch < 1) {
      throw new PathPressError('BAD_OPTION', `batch ${batch} is not a whole number from 1 on`);
    }
    checkSignal(signal);
    const results = new Array<GenerateResult>(requests.length);
    const checked = requests.map((request) => checkRequest(request, this.info));
    if (signal?.aborted) for (const request of checked) request.aborted = true;
    const run = new Run(native, checked, batch, this.loadSeconds, {
      onToken: (index, id) => requests[index].onTokens?.([id]),
      onResult: (index, result) => {
        results[index] = result;
        return onResult?.(index, result);
      },
    });
    const unlisten = [abortOn(signal, run), ...requests.map((request, i) => abortOn(request.signal, run, i))];
    await run.done.finally(() => unlisten.forEach((off) => off()));
    return results;
  }

  async replay(request: ReplayRequest): Promise<ReplayResult> {
    const native = this.live();
    let replayed: ReplayResult | undefined;
    const run = new Run(native, [checkReplay(request, this.info)], 1, this.loadSeconds, {
      onResult: (_, { ids: _given, ...result }, { logLikelihoods }) => void (replayed = { ...result, logLikelihoods }),
    });
    const unlisten = abortOn(request.signal, run);
    await run.done.finally(unlisten);
    return replayed!;
  }

  async logits(ids: ArrayLike<number>): Promise<Float32Array> {
    const native = this.live();
    const checked = checkIds(ids, this.info.vocabSize);
    return new Promise((resolve, reject) => {
      native.logits(checked, ({ logits, error }) => (error ? reject(toError(error)) : resolve(logits as Float32Array)));
    });
  }

  dispose(): void {
    this.disposed = true;
    this.native.dispose();
  }
}

/**
 * Aborts the run, or one request of it, when the signal says so; one that has said so already is in the requests. Returns
 * what takes the listener off again.
 */
function abortOn(signal: AbortSignal | undefined, run: Run, request?: number): () => void {
  if (!signal) return () => undefined;
  const abort = (): void => (request === undefined ? run.abort() : run.abortOne(request));
  signal.addEventListener('abort', abort, { once: true });
  return () => signal.removeEventListener('abort', abort);
}
