/** What the engine takes and gives back; `engine.ts` implements it, everything else only imports these types. */
import type { Policy } from '../policies/policy.js';

/** Types that keys and values may be cached in. */
export const cacheTypes = ['f32', 'bf16', 'int8', 'int4'] as const;
/**
 * Type of the cached keys and values. int8 and int4 quantise every page of 16 entries once a later one begins, as KIVI (arXiv
 * 2402.02750): keys with a scale and zero point a channel, values with one an entry and 32 channels, all float16. A token
 * sees its own page in float32 and those before it quantised, however the prompt is fed. Only with policies that read
 * every entry and evict none (`full`); any other is refused with BAD_OPTION.
 */
export type CacheType = (typeof cacheTypes)[number];

/** What products of weights see of their inputs. */
export type ProductType = 'float32' | 'bf16';

/** What computes. */
export const devices = ['cpu', 'cuda'] as const;
/** What computes: the processor, or the first GPU that CUDA names. */
export type Device = (typeof devices)[number];

/** What to open, and with how much of the machine. */
export interface EngineOptions {
  /** A folder in Hugging Face layout. */
  model: string;
  /**
   * cpu if left out. cuda: the first GPU, in bfloat16 whatever the weights' type (products and cache too), for models with
   * heads of 64 or 128. The same requests and results, and the same law: a sequence's tokens never depend on its batch.
   * What it does not do is refused with BAD_OPTION: caches but bf16; pooling over more than 257 neighbours; votes in the
   * weights' type (preset reference) where that is not bfloat16.
   */
  device?: Device;
  /** Worker threads; all cores if left out. Never changes a token. */
  threads?: number;
  /** Type of the KV cache; the type of the weights if left out (f32 for float16 and int8). */
  cache?: CacheType;
  /**
   * Bytes that the caches of all live sequences may hold together; if left out, 80 % of the machine's memory, or of the
   * least limit that the control groups of a container set. A sequence starts where its policy's peak fits.
   */
  cacheLimit?: number;
  /**
   * Prompt tokens, of all sequences together, that a step feeds beside one token of each sequence that generates: how long a
   * long prompt holds the others up. 128 if left out; never changes a token.
   */
  prefillRows?: number;
  /**
   * float32 (as it comes) if left out; bf16 on a GPU, which has no other. bf16: the inputs of every product of weights are
   * rounded to bfloat16, and so are attention's queries and weights where the cache is bf16, as PyTorch does with models in
   * bfloat16. With weights, or a cache, in bfloat16 a processor that has AVX512-BF16 then multiplies at twice the rate,
   * which is what batches and prompts wait for; any other sums the same rounded terms in float32. Softmax, norms and sums
   * stay in float32, and the weights that policies note are those before rounding.
   */
  products?: ProductType;
  /** scalar, avx2 or avx512: for tests; the fastest that the processor has if left out. */
  simd?: string;
}

/** An opened model: its shape, and what names its weights. */
export interface ModelInfo {
  device: Device;
  family: string;
  layers: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  vocabSize: number;
  weightsType: 'f32' | 'f16' | 'bf16' | 'int8';
  weightsBytes: number;
  /**
   * Matrices are read from their mapped files, for want of memory, and not from a copy on large pages: slower, and the
   * files must not be rewritten. Never on a GPU, which has its own copy.
   */
  weightsMapped: boolean;
  /** SHA-256 of the weight files, hexadecimal. */
  weightsHash: string;
  eosIds: number[];
  /**
   * Instruction set of the kernels: sums are taken in another order on each, so samples of two levels are not one stream.
   * Where inputs are rounded to bfloat16, "-bf16" (the processor's own products of those) or "-rounded" follows. Of a GPU
   * its architecture: "cuda-sm_90".
   */
  simd: string;
}

/** How the next id is drawn; random numbers are keyed by (seed, stream, step). */
export interface Sampling {
  /** 0 is greedy, the lowest id on ties. */
  temperature: number;
  /** 1 is off. */
  topP: number;
  /** 0 is off. */
  topK: number;
  /** 0 is off. */
  minP: number;
  seed: number;
}

/** One sequence to generate. */
export interface GenerateRequest {
  /** At least one id, each below the vocabulary's size. */
  promptIds: ArrayLike<number>;
  /** Made by `settlePolicy`; one of RPC may carry a score of your own: `{...policy, score: (candidates, layer) => Float32Array}`. */
  policy: Policy;
  sampling: Sampling;
  /** Generated ids at most, from 1 on. */
  maxTokens: number;
  /** Generation ends at one of these, which is left out of the ids; the model's eos if left out, [] to ignore it. */
  stopIds?: number[];
  /** With `seed`, the key of the random numbers: `[problem, sample]` of an evaluation, [0, 0] if left out. */
  stream?: [number, number];
  /** Keep positions held per layer after each compression. */
  trace?: boolean;
  signal?: AbortSignal;
  /** Called with new ids as they come, one at a time: the sequence waits, so that returning true stops it at exactly this id (finish 'stop'). */
  onTokens?: (ids: number[]) => boolean | void;
}

/** A text whose every token is given: an output after a prompt, fed as if it had been generated. */
export interface ReplayRequest {
  /** At least one id each, below the vocabulary's size. */
  promptIds: ArrayLike<number>;
  outputIds: ArrayLike<number>;
  /** As in `GenerateRequest`. */
  policy: Policy;
  /** With `stream`, the key of what a policy draws at random; 0 and [0, 0] if left out. */
  seed?: number;
  stream?: [number, number];
  trace?: boolean;
  signal?: AbortSignal;
}

/** What a replay leaves behind: all that the generation of the same tokens would, and how likely each was. */
export interface ReplayResult extends Omit<GenerateResult, 'ids'> {
  /**
   * Natural logarithm of the probability that the model, with what the policy had left in its cache, gave to each output
   * token; no temperature, no filter. Fewer than outputIds where it was aborted.
   */
  logLikelihoods: Float32Array;
}

/** One compression. Entries are of one layer and key-value head, the prompt's included: the mean where they differ. */
export interface Compression {
  /** Generated tokens whose entries exist; 0 at the end of prefill. */
  generated: number;
  before: number;
  after: number;
}

/** Of a policy that evicts at every step: how often, and at how many generated tokens first and last. */
export interface Evictions {
  count: number;
  first: number | null;
  last: number | null;
}

/** What one layer (or head) held right after a compression. */
export interface KeptPositions {
  /** As in the `Compression`. */
  generated: number;
  layer: number;
  /** null where one set serves the layer; else the key-value head (the query head for `head` aggregation). */
  head: number | null;
  /** 0-based, the prompt's included, ascending. */
  positions: Int32Array;
  /**
   * Of `h2o` and `lookahead` only: the attention that each of these positions gathered, in query rows: each row's weights
   * over all that it sees, its own token included, mean over the set's heads. Of `h2o` summed over all rows so far, of
   * `lookahead` over those that it looked ahead to.
   */
  mass?: Float32Array;
}

/**
 * What a sequence's cache held; entries of one layer and key-value head, the mean of all, bytes of all layers. Where query
 * heads keep sets of their own (`aggregation: 'head'`), entries are those of the union that a key-value head holds, while
 * a `Compression` and `closedForm` count one query head's set.
 */
export interface CacheReport {
  finalEntries: number;
  peakEntries: number;
  /** Mean over the decode passes of the entries attended to, the new one included. */
  meanEntries: number;
  /** Bytes of pool blocks held: the worst moment, and the mean over decode passes. */
  peakBytes: number;
  meanBytes: number;
  /** Query ring, accumulators, and every other state that a policy needs beside keys and values. */
  sideBytes: number;
  /** Bytes read by attention, summed over decode passes: keys and values, and what tells which of them to read. */
  readBytes: number;
  /** Where heads differ: the least and most entries of a head at the end. */
  minEntries?: number;
  maxEntries?: number;
}

/** A finished sequence. */
export interface GenerateResult {
  /** Generated ids, the stop id left out. */
  ids: number[];
  finish: 'stop' | 'length' | 'aborted';
  promptTokens: number;
  generatedTokens: number;
  /** Every trigger; empty for a policy that evicts at every step, which has `evictions` in its place. */
  compressions: Compression[];
  evictions?: Evictions;
  cache: CacheReport;
  /** Of this sequence's own share of the batch where it ran in one. */
  seconds: { load: number; prefill: number; decode: number; compress: number };
  /** Where the request asked for it. */
  trace?: KeptPositions[];
}

/** A running generation: iterate it for tokens as they come, or await `result`. */
export interface Generation extends AsyncIterable<number> {
  /** Rejects with BAD_LOGITS, BAD_SCORER, OUT_OF_MEMORY, or what `onTokens` threw. */
  readonly result: Promise<GenerateResult>;
  /** Ends it at the next token, with finish 'stop'. */
  stop(): void;
}

/** A model opened by `openEngine`. */
export interface Engine {
  readonly info: ModelInfo;
  /**
   * Starts one sequence. Its tokens depend on the request and the weights alone, never on what runs beside it.
   * @throws BAD_PROMPT, BAD_OPTION naming the value, DISPOSED
   */
  generate(request: GenerateRequest): Generation;
  /**
   * Runs the requests as one continuously refilled batch; results in the order of the requests, each also given to
   * `onResult` as it ends. A request that cannot go on leaves the others alone: they run to their end and reach
   * `onResult`, then the promise rejects, naming the request.
   * @throws OUT_OF_MEMORY (bytes needed and at hand), BAD_LOGITS (NaN or infinity, with the token's number), BAD_SCORER
   * (which ends the whole run)
   */
  generateMany(requests: GenerateRequest[], options?: { batch?: number; signal?: AbortSignal; onResult?: (index: number, result: GenerateResult) => void | Promise<void> }): Promise<GenerateResult[]>;
  /**
   * Teacher-forced replay of an output under a policy: its tokens are fed as if they had been generated, so that the policy
   * compresses at the same tokens and keeps the same entries, but many at once, between compressions. What it returns
   * depends on the request and the weights alone, to the bit. A policy that looks ahead sees the output itself.
   * @throws BAD_PROMPT, BAD_OPTION naming the value, DISPOSED; BAD_LOGITS, BAD_SCORER, OUT_OF_MEMORY
   */
  replay(request: ReplayRequest): Promise<ReplayResult>;
  /**
   * Teacher-forced logits of every position: row-major (ids.length × vocabSize).
   * @throws OUT_OF_MEMORY (bytes needed), BAD_LOGITS (naming the position), DISPOSED
   */
  logits(ids: ArrayLike<number>): Promise<Float32Array>;
  /**
   * Frees weights and pool; a live generation is stopped first (finish 'aborted'). Blocks until the engine's threads have
   * ended, so that none runs on freed memory: no longer than the tasks under way, one a thread (at most 192 rows of a
   * weight, one head's attention, one layer's compression), whatever the step. Calling it twice is fine.
   */
  dispose(): void;
}
