import { z } from 'zod';
import { PathPressError } from '../engine/errors.js';

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
 * A function from given options to all of them, defaults filled in. It throws PathPressError BAD_OPTION for a value out
 * of range or an option that the policy does not use.
 */
export function optionParser<S extends z.ZodRawShape>(policy: string, fields: S) {
  const schema = z.strictObject(fields);
  return (given: Record<string, unknown>) => {
    const parsed = schema.safeParse(given);
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0]!;
    const option = issue.code === 'unrecognized_keys' ? issue.keys[0]! : String(issue.path[0]);
    return refuse(option, given[option], issue.code === 'unrecognized_keys' ? `policy ${policy} does not use it` : issue.message);
  };
}

/** @throws PathPressError BAD_OPTION */
export function refuse(option: string, value: unknown, why: string): never {
  // JSON has no NaN and no BigInt, and a word for neither.
  const shown = typeof value === 'object' ? JSON.stringify(value) : value === undefined ? 'missing' : String(value);
  throw new PathPressError('BAD_OPTION', `${option} ${shown}: ${why}`);
}
