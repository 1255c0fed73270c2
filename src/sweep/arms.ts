/** The arms of a sweep: every combination of every policy's options, settled and named. */
import { isDeepStrictEqual } from 'node:util';
import { RefusedOptions, type Refusal } from '../engine/errors.js';
import { cacheTypes, type CacheType } from '../engine/types.js';
import { policyNames } from '../policies/policies.js';
import type { Policy } from '../policies/policy.js';
import { settlePolicy } from '../policies/settle.js';
import { canonicalJson } from './canonical.js';
import { mistakes, type SweepFile } from './file.js';

/** A policy under its name in tables. Draws of one arm (`drawSeed`) share the name: they are repetitions, not rivals. */
export interface Arm {
  name: string;
  /** Its place in the file, for errors: `policies[1]`. */
  where: string;
  policy: Policy;
  /** Type of the cached keys and values; the weights' own if left out. */
  cache?: CacheType;
  /** The first so many problems of each task at most; all that the task has if left out. */
  problems?: number;
}

const mostArms = 10_000;

/**
 * The arms in the order of the file. Where an option is a list, its value joins the arm's name; `drawSeed` does not.
 * @param place the file, for errors
 * @throws PathPressError BAD_SWEEP naming every policy that is refused, with the option and the reason
 */
export function armsOf({ policies }: SweepFile, place: string): Arm[] {
  const wrong: string[] = [];
  const all: Arm[] = [];
  for (const [i, row] of policies.entries()) {
    const where = `policies[${i}]`;
    const lists = Object.values(row).filter(Array.isArray) as unknown[][];
    const count = lists.reduce((product, list) => product * list.length, 1);
    const empty = Object.keys(row).filter((key) => Array.isArray(row[key]) && row[key].length === 0);
    if (empty.length) wrong.push(...empty.map((key) => `${where}.${key} []: must not be empty`));
    else if (count > mostArms) wrong.push(`${where}: its lists make ${count} arms; at most ${mostArms}`);
    else {
      const refused = new Set<string>();
      for (const choice of combinations(row)) {
        try {
          all.push(armOf(row, choice, where));
        } catch (error) {
          if (!(error instanceof RefusedOptions)) throw error;
          for (const { option, value, why } of error.refusals) {
            // One bad value of a list is refused in many combinations.
            refused.add(`${where}.${option} ${(JSON.stringify(value) ?? 'missing').slice(0, 80)}: ${why}`);
          }
        }
      }
      wrong.push(...refused);
    }
  }
  wrong.push(...repeated(all));
  if (wrong.length) throw mistakes(place, wrong);
  return all;
}

/** One value of every option that is a list, the last option's changing fastest. */
function combinations(row: Record<string, unknown>): Record<string, unknown>[] {
  return Object.entries(row).reduce<Record<string, unknown>[]>(
    (made, [key, value]) => {
      const values: unknown[] = Array.isArray(value) ? value : [value];
      return made.flatMap((one) => values.map((item) => ({ ...one, [key]: item })));
    },
    [{}],
  );
}

function armOf(row: Record<string, unknown>, choice: Record<string, unknown>, where: string): Arm {
  const { name, arm = name, cache, problems, ...options } = choice;
  const wrong: Refusal[] = [];
  if (cache !== undefined && !cacheTypes.includes(cache as CacheType)) wrong.push({ option: 'cache', value: cache, why: `must be one of ${cacheTypes.join(', ')}` });
  let policy: Policy | undefined;
  try {
    policy = settlePolicy(name as string, options);
  } catch (error) {
    if (!(error instanceof RefusedOptions)) throw error;
    const unknown = !(policyNames as readonly string[]).includes(name as string); // refused as `policy`, the flag's name
    wrong.push(...error.refusals.map((refusal) => (unknown ? { ...refusal, option: 'name' } : refusal)));
  }
  if (!policy || wrong.length) throw new RefusedOptions(wrong);
  const named = Object.keys(row).filter((key) => key !== 'drawSeed' && Array.isArray(row[key]) && (row[key] as unknown[]).length > 1);
  const label = [arm, ...named.map((key) => `${key}=${String(choice[key])}`)].join(' ');
  return {
    name: label,
    where,
    policy,
    ...(cache !== undefined && { cache: cache as CacheType }),
    ...(problems !== undefined && { problems: problems as number }),
  };
}

/** Arms that cannot be told apart: two policies of one name, or one policy under two names. */
function repeated(arms: readonly Arm[]): string[] {
  const wrong = new Set<string>();
  const byName = new Map<string, Arm>();
  const bySettings = new Map<string, Arm>();
  for (const arm of arms) {
    const { name, policy, cache, where } = arm;
    const key = canonicalJson([policy, cache]);
    const same = bySettings.get(key);
    if (same) wrong.add(`${where}: ${same.where === where ? 'lists a value twice' : `the same policy as ${same.where}`} (arm "${name}")`);
    else bySettings.set(key, arm);
    const other = byName.get(name);
    if (!other) byName.set(name, arm);
    else if (!same && !isDeepStrictEqual(withoutLots(arm), withoutLots(other)))
      wrong.add(`${where}: arm "${name}" is the name of ${other.where} too: give one of them an "arm" of its own`);
  }
  return [...wrong];
}

function withoutLots({ policy, cache }: Arm): unknown {
  const { drawSeed: _, ...rest } = policy as Policy & { drawSeed?: number };
  return { ...rest, cache };
}
