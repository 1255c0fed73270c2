/** Which sampling settings are accepted. */
import { PathPressError } from './errors.js';
import type { Sampling } from './types.js';

/** The settings, read once. @throws BAD_OPTION naming the setting and its value. */
export function checkSampling(sampling: Sampling): Sampling {
  if (typeof sampling !== 'object' || sampling === null) throw new PathPressError('BAD_OPTION', `sampling ${String(sampling)} is not an object`);
  const { temperature, topP, topK, minP, seed } = sampling;
  const refuse = (name: string, value: unknown, rule: string): never => {
    throw new PathPressError('BAD_OPTION', `sampling.${name} ${String(value)} is not ${rule}`);
  };
  if (!(Number.isFinite(temperature) && temperature >= 0)) refuse('temperature', temperature, 'a number of at least 0');
  if (!(topP > 0 && topP <= 1)) refuse('topP', topP, 'above 0 and at most 1');
  if (!(Number.isSafeInteger(topK) && topK >= 0 && topK <= 0x7fffffff)) refuse('topK', topK, 'a whole number from 0 on');
  if (!(minP >= 0 && minP <= 1)) refuse('minP', minP, 'between 0 and 1');
  if (!(Number.isSafeInteger(seed) && seed >= 0)) refuse('seed', seed, 'a whole number from 0 on');
  return { temperature, topP, topK, minP, seed };
}
