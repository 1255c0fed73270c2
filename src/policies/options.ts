import { z } from 'zod';
import { RefusedOptions, type Refusal } from '../engine/errors.js';

/** Fields of option schemas; each says in words what it wants. */
export const count = (least = 1) => z.int({ error: 'must be a whole number' }).min(least, `must be at least ${least}`);
export const odd = () => count().refine((value) => value % 2 === 1, 'must be odd');
export const factor = () => z.number({ error: 'must be a number' }).min(1, 'must be at least 1');
export const share = () => z.number({ error: 'must be a number' }).min(0, 'must be at least 0').max(1, 'must be at most 1');
export const flag = () => z.boolean({ error: 'must be true or false' });
/** Key of a policy's lots in place of the sampling's seed, which keys them where it is left out. */
export const drawSeedField = { drawSeed: count(0).optional() };
export const choice = <const T extends readonly [string, ...string[]]>(...words: T) =>
  z.enum(words, { error: `must be one of ${words.join(', ')}` });

/**
 * A function from given options to all of them, defaults filled in. It throws RefusedOptions for all values out of range
 * and all options that the policy does not use.
 */
export function optionParser<S extends z.ZodRawShape>(policy: string, fields: S) {
  const schema = z.strictObject(fields);
  return (given: Record<string, unknown>) => {
    const parsed = schema.safeParse(given);
    if (parsed.success) return parsed.data;
    const wrong = new Map<string, Refusal>(); // of each option the first that is wrong with it
    for (const issue of parsed.error.issues) {
      const unused = issue.code === 'unrecognized_keys';
      for (const option of unused ? issue.keys : [String(issue.path[0])]) {
        const why = unused ? `policy ${policy} does not use it` : issue.message;
        if (!wrong.has(option)) wrong.set(option, { option, value: given[option], why });
      }
    }
    throw new RefusedOptions([...wrong.values()]);
  };
}

/** @throws RefusedOptions */
export function refuse(option: string, value: unknown, why: string): never {
  throw new RefusedOptions([{ option, value, why }]);
}
