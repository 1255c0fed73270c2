/** The whole surface of the native add-on (native/node/addon.cc), as types. */
import type { Policy } from '../policies/policy.js';
import type { Candidates } from '../policies/scorer.js';
import { requireAddon } from './addon.js';
import type { CacheReport, CacheType, Compression, Device, Evictions, GenerateResult, KeptPositions, ProductType, Sampling } from './types.js';

export interface NativeConfig {
  family: string;
  layers: number;
  hidden: number;
  intermediate: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  vocab: number;
  normEpsilon: number;
  ropeTheta: number;
  /** Share of a head that is rotated; 0 for the family's own. */
  ropeFraction: number;
  ropeScaling: {
    type: string;
    factor: number;
    lowFrequencyFactor: number;
    highFrequencyFactor: number;
    originalPositions: number;
    /** Of yarn: turns within the original positions, whether channels are rounded, and a factor of cosine and sine. */
    betaFast: number;
    betaSlow: number;
    truncate: boolean;
    attentionFactor: number;
  };
  tiedEmbeddings: boolean;
  attentionBias: boolean;
  mlpBias: boolean;
}

export interface NativeOptions {
  config: NativeConfig;
  weightFiles: string[];
  device: Device;
  threads: number;
  /** A CacheType, or '' for the weights' own. */
  cache: string;
  /** One of `simd()`, or '' for the fastest. */
  simd: string;
  /** 'float32' or 'bf16'. */
  products: string;
  /** Bytes of the block pool at most; 0 for 80 % of the memory that the process may have. */
  cacheLimit: number;
  prefillRows: number;
}

export interface NativeRequest {
  promptIds: Int32Array;
  policy: Policy;
  sampling: Sampling;
  maxTokens: number;
  stopIds: Int32Array;
  stream: Int32Array;
  /** `maxTokens` ids that are fed as if they had been generated; where left out they are sampled. */
  forced?: Int32Array;
  trace: boolean;
  /** Tokens are told as they come, not with the result alone. */
  tokens: boolean;
  /** The sequence waits for `acknowledge` after each token. */
  lockstep: boolean;
  /** It was aborted before it was made, and comes to nothing: no token is told, whoever is quicker. */
  aborted: boolean;
  /**
   * For benchmarks: the sequence begins with so many entries in its cache and so many generated tokens written, made up
   * instead of computed. For policies that note nothing of earlier attention (full, rpc, recency, random), on the CPU.
   */
  assumed?: { entries: number; written: number };
  /** Compressions ask (NativeBatch.questions), and wait for `answer`; with keys where these are asked for. */
  scored?: boolean;
  scoreKeys?: boolean;
}

export interface NativeResult {
  request: number;
  ids: Int32Array;
  /** Of `forced` ids, else empty. */
  logLikelihoods: Float32Array;
  finish: GenerateResult['finish'];
  promptTokens: number;
  compressions: Compression[];
  evictions?: Evictions;
  cache: CacheReport;
  prefillSeconds: number;
  decodeSeconds: number;
  compressSeconds: number;
  trace: KeptPositions[];
}

/** What gathered on the engine's thread since the last call. */
export interface NativeBatch {
  /** Pairs of request index and id, in order. */
  tokens: Int32Array;
  results: NativeResult[];
  /** Compressions that wait for scores, of each set in order. */
  questions: { request: number; number: number; ballots: Candidates[] }[];
  /** Requests that could not go on, each naming itself; the run's others do. */
  failures: (Error & { code: string })[];
  logits?: Float32Array;
  /** True in a run's last batch. */
  done: boolean;
  /** Of the whole run. In a batch that is not the last: events are lost, and the run is to be aborted. */
  error?: Error & { code: string };
}

export interface NativeInfo {
  weightsType: 'f32' | 'f16' | 'bf16' | 'int8';
  weightsBytes: number;
  weightsMapped: boolean;
  cacheType: CacheType;
  simd: string;
  threads: number;
}

/** NaN where there was no memory or thread for it; with one thread there is no `roundTrip`. */
export interface NativeReading {
  bandwidth: number;
  /** The mean. */
  operations: number;
  roundTrip: number;
  /** That the reading took, in which no step ran. */
  seconds: number;
}

/** Collected as garbage it ends its runs: callbacks must hold on to it. */
export interface NativeEngine {
  info(): NativeInfo;
  /** Throws an error with a `code` where a request is refused. `run` is the caller's and unique. */
  start(run: number, requests: NativeRequest[], batch: number, callback: (batch: NativeBatch) => void): void;
  abort(run: number): void;
  /** Ends one request, with finish 'aborted' or 'stop'. */
  stop(run: number, request: number, aborted: boolean): void;
  acknowledge(run: number, request: number): void;
  /** Scores for the sets of a question, in order; ignored where nobody waits for it any more. */
  answer(run: number, request: number, question: number, scores: Float32Array[]): void;
  logits(ids: Int32Array, callback: (batch: NativeBatch) => void): void;
  /** What the machine gives (as Binding's functions of these names say), read between two steps of what runs. */
  readBetween(bytes: number, type: 'f32' | 'bf16', simd: string, callback: (reading: NativeReading) => void): void;
  /** Returns when the tasks under way are done: milliseconds, not a step. */
  dispose(): void;
}

/** What the engine's arithmetic says before there are weights. Bytes are of one sequence. */
export interface NativePlan {
  /** Of the checkpoint, tied embeddings once. */
  parameters: number;
  /** The table of tokens; a pass reads a row a token. */
  embedding: number;
  /** Read whole by a pass, the output among them. */
  matrices: number;
  /** Of those that are not tied to the embedding: what `model quantize` gives a scale each. */
  rows: number;
  /** Norms and biases. */
  vectors: number;
  cacheBytesPerToken: number;
  /** Of the blocks held at the worst moment, by the policy's closed form. */
  cacheBytes: number;
  sideBytes: number;
  /** Of cache and side state, mean over the decode passes; of a policy that evicts nothing. */
  readBytes?: number;
}

export interface Binding {
  load(options: NativeOptions): Promise<NativeEngine>;
  /** Instruction sets that this processor can run, plainest first. */
  simd(): string[];
  /** Why there is no GPU that `load` could use; '' where there is one. */
  whyNoCuda(): string;
  /** Throws an error with a `code` as `load` does of a config, or BAD_OPTION of a policy. */
  plan(config: NativeConfig, policy: Policy, promptTokens: number, maxTokens: number, cache: CacheType): NativePlan;
  /** Best rate at which `threads` threads read a buffer of this size over and over, bytes a second. `simd` as in NativeOptions. */
  readBandwidth(bytes: number, threads: number, simd: string): number;
  /** Seconds in which a cache line goes from one thread to another and back, the median of some thousand times. */
  roundTripSeconds(): number;
  /**
   * Rate of multiply-adds from registers over so much time, in operations (two of each) a second: the best of its
   * milliseconds, and the mean. 0 where the processor has no such instruction.
   */
  operationRate(type: 'f32' | 'bf16', threads: number, simd: string, milliseconds: number): { best: number; mean: number };
  /** Seconds of each of `rounds` passes of the attention kernel over random pages, one decode step of `sequences` sequences. */
  attentionSeconds(work: NativeAttention, rounds: number): number[];
  /**
   * How often n-grams occur in the first so many ids, for each of `lengths` (ascending, n to ids.length): pairs of a
   * number of times and how many different grams occur so often, by ascending times.
   */
  gramOccurrences(ids: Int32Array, n: number, lengths: number[], threads: number): Uint32Array[];
  /**
   * Other rows whose dot product with a row is above a threshold (thresholds × rows), of the pairs whose lower row is one
   * of `from` to `to` - 1. `simd` as in NativeOptions.
   */
  neighbourCounts(
    vectors: Float32Array,
    dim: number,
    thresholds: Float64Array,
    threads: number,
    simd: string,
    from: number,
    to: number,
  ): Int32Array;
}

/** One layer's attention of a decode step, without a model. */
export interface NativeAttention {
  sequences: number;
  kvHeads: number;
  /** Query heads that share a key-value head. */
  group: number;
  dim: number;
  entries: number;
  type: 'f32' | 'bf16';
  products: ProductType;
  threads: number;
  simd: string;
}

let loaded: Binding | undefined;

/** The add-on, loaded at the first call. @throws NOT_BUILT with the command that builds it. */
export function loadBinding(): Binding {
  return (loaded ??= requireAddon().addon as Binding);
}
