/** Checks requests and options before anything native sees them. */
import type { Policy, RpcPolicy } from '../policies/policy.js';
import { settlePolicy } from '../policies/settle.js';
import { checkSampling } from './sampling.js';
import type { NativeRequest } from './binding.js';
import { PathPressError } from './errors.js';
import { cacheTypes, devices, type EngineOptions, type GenerateRequest, type ModelInfo, type ReplayRequest } from './types.js';

const bad = (what: string): never => {
  throw new PathPressError('BAD_OPTION', what);
};

const isInt32 = (value: unknown): value is number => Number.isInteger(value) && (value as number) === ((value as number) | 0);

/** Ids as the engine takes them; `what` they are is said of bad ones. @throws BAD_PROMPT naming id and index. */
export function checkIds(given: ArrayLike<number>, vocabSize: number, what = 'the prompt'): Int32Array {
  const ids = Array.from(given ?? []); // read once: what was checked is what runs
  if (ids.length === 0) throw new PathPressError('BAD_PROMPT', `${what} has no ids`);
  for (let i = 0; i < ids.length; i++) {
    if (!isInt32(ids[i]) || ids[i] < 0 || ids[i] >= vocabSize) {
      throw new PathPressError('BAD_PROMPT', `id ${String(ids[i])} at index ${i} of ${what} is outside the vocabulary of ${vocabSize}`);
    }
  }
  return Int32Array.from(ids);
}

/** The policy with every option settled, read once. */
function settledPolicy(policy: Policy): Policy {
  if (typeof policy !== 'object' || policy === null) bad(`policy ${String(policy)} is not an object with a name`);
  const { ...options } = policy;
  return settlePolicy(options.name, options);
}

/** @throws BAD_OPTION */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal === undefined) return;
  const { aborted, addEventListener } = (signal ?? {}) as Partial<AbortSignal>; // one of another realm is no instance
  if (typeof aborted !== 'boolean' || typeof addEventListener !== 'function') bad(`signal ${String(signal)} is not an AbortSignal`);
}

/** @throws BAD_PROMPT, BAD_OPTION */
export function checkRequest(request: GenerateRequest, info: ModelInfo): NativeRequest {
  const { maxTokens, signal } = request;
  checkSignal(signal);
  const stream = Array.from(request.stream ?? [0, 0]), stopIds = Array.from(request.stopIds ?? info.eosIds);
  if (!Number.isSafeInteger(maxTokens) || maxTokens < 1) bad(`maxTokens ${String(maxTokens)} is not a whole number from 1 on`);
  if (stream.length !== 2 || !stream.every(isInt32)) bad(`stream ${stream.join(', ')} is not a pair of 32-bit integers`);
  // A model's own end may stand outside its vocabulary in published configs; what a user names may not.
  for (const id of stopIds) {
    if (!isInt32(id) || id < 0 || (id >= info.vocabSize && !info.eosIds.includes(id)))
      bad(`stopIds: ${String(id)} is outside the vocabulary of ${info.vocabSize}`);
  }
  const policy = settledPolicy(request.policy);
  const { score, scoreKeys } = policy as Partial<RpcPolicy>;
  return {
    promptIds: checkIds(request.promptIds, info.vocabSize),
    policy,
    sampling: checkSampling(request.sampling),
    maxTokens,
    stopIds: Int32Array.from(stopIds),
    stream: Int32Array.from(stream),
    trace: request.trace === true,
    tokens: request.onTokens !== undefined,
    lockstep: request.onTokens !== undefined,
    aborted: signal?.aborted === true,
    scored: score !== undefined,
    scoreKeys: scoreKeys === true,
  };
}

/** @throws BAD_PROMPT, BAD_OPTION; as `checkRequest` */
export function checkReplay({ outputIds, seed = 0, ...rest }: ReplayRequest, info: ModelInfo): NativeRequest {
  const forced = checkIds(outputIds, info.vocabSize, 'the output');
  const sampling = { temperature: 0, topP: 1, topK: 0, minP: 0, seed };
  return { ...checkRequest({ ...rest, sampling, maxTokens: forced.length, stopIds: [] }, info), forced };
}

/** @throws BAD_OPTION naming the option and its value. */
export function checkOptions(options: EngineOptions): void {
  const { model, device = 'cpu', threads, cache, cacheLimit, prefillRows, products, simd } = options;
  if (typeof model !== 'string' || model === '') bad(`model ${typeof model === 'string' ? `"${model}"` : String(model)} is not a folder`);
  if (!devices.includes(device)) bad(`device "${String(device)}" is not one of ${devices.join(', ')}`);
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= 1024)) {
    bad(`threads ${threads} is not a whole number from 1 to 1024`);
  }
  if (cache !== undefined && !cacheTypes.includes(cache)) bad(`cache "${String(cache)}" is not one of ${cacheTypes.join(', ')}`);
  if (products !== undefined && products !== 'float32' && products !== 'bf16') bad(`products "${String(products)}" is not float32 or bf16`);
  if (cacheLimit !== undefined && !(Number.isSafeInteger(cacheLimit) && cacheLimit > 0)) {
    bad(`cacheLimit ${cacheLimit} is not a positive number of bytes`);
  }
  if (prefillRows !== undefined && !(isInt32(prefillRows) && prefillRows >= 1)) {
    bad(`prefillRows ${prefillRows} is not a whole number from 1 to ${2 ** 31 - 1}`);
  }
  if (simd !== undefined && typeof simd !== 'string') bad(`simd ${String(simd)} is not a name`);
  if (device === 'cpu') return;
  if (cache !== undefined && cache !== 'bf16') bad(`cache ${cache}: device ${device} caches bf16 alone`);
  if (products === 'float32') bad(`products ${products}: device ${device} multiplies bf16 alone`);
  if (simd !== undefined) bad(`simd ${simd} is of the cpu, not of device ${device}`);
}
