/** Checks requests and options before anything native sees them. */
import type { RpcPolicy } from '../policies/policy.js';
import { settlePolicy } from '../policies/settle.js';
import { checkSampling } from './sampling.js';
import type { NativeRequest } from './binding.js';
import { PathPressError } from './errors.js';
import { cacheTypes, devices, type EngineOptions, type GenerateRequest, type ModelInfo, type ReplayRequest } from './types.js';

const bad = (what: string): never => {
  throw new PathPressError('BAD_OPTION', what);
};

/** Options of policies that need not be whole numbers. */
const shares = new Set(['ratio', 'lambda', 'threshold', 'floor']);

const isInt32 = (value: unknown): value is number => Number.isInteger(value) && (value as number) === ((value as number) | 0);

/** Ids as the engine takes them; `what` they are is said of bad ones. @throws BAD_PROMPT naming id and index. */
export function checkIds(ids: ArrayLike<number>, vocabSize: number, what = 'the prompt'): Int32Array {
  if (ids.length === 0) throw new PathPressError('BAD_PROMPT', `${what} has no ids`);
  for (let i = 0; i < ids.length; i++) {
    if (!isInt32(ids[i]) || ids[i] < 0 || ids[i] >= vocabSize) {
      throw new PathPressError('BAD_PROMPT', `id ${String(ids[i])} at index ${i} of ${what} is outside the vocabulary of ${vocabSize}`);
    }
  }
  return Int32Array.from(ids);
}

/** @throws BAD_PROMPT, BAD_OPTION; the policy's own options are checked by the native registry. */
export function checkRequest(request: GenerateRequest, info: ModelInfo): NativeRequest {
  const { maxTokens, stream = [0, 0], stopIds = info.eosIds } = request;
  if (!Number.isSafeInteger(maxTokens) || maxTokens < 1) bad(`maxTokens ${String(maxTokens)} is not a whole number from 1 on`);
  if (stream.length !== 2 || !stream.every(isInt32)) bad(`stream ${JSON.stringify(stream)} is not a pair of 32-bit integers`);
  // A model's own end may stand outside its vocabulary in published configs; what a user names may not.
  const stop = stopIds.find((id) => !isInt32(id) || id < 0 || (id >= info.vocabSize && !info.eosIds.includes(id)));
  if (stop !== undefined) bad(`stopIds: ${String(stop)} is outside the vocabulary of ${info.vocabSize}`);
  for (const [name, value] of Object.entries(request.policy ?? bad('policy is missing'))) {
    if (typeof value === 'number' && !Number.isFinite(value)) bad(`policy.${name} ${value} is not a finite number`);
    const whole = typeof value !== 'number' || shares.has(name) || Number.isSafeInteger(value);
    if (!whole) bad(`policy.${name} ${value} is not a whole number`);
  }
  const { score, scoreKeys } = request.policy as Partial<RpcPolicy>;
  if (score !== undefined || scoreKeys !== undefined) settlePolicy(request.policy.name, { ...request.policy }); // the native registry does not see them
  return {
    promptIds: checkIds(request.promptIds, info.vocabSize),
    policy: request.policy,
    sampling: checkSampling(request.sampling),
    maxTokens,
    stopIds: Int32Array.from(stopIds),
    stream: Int32Array.from(stream),
    trace: request.trace === true,
    tokens: request.onTokens !== undefined,
    lockstep: request.onTokens !== undefined,
    aborted: request.signal?.aborted === true,
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
  if (typeof model !== 'string' || model === '') bad(`model ${JSON.stringify(model)} is not a folder`);
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
