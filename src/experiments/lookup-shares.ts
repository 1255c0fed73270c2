/** How much of what a task asks to be looked up is right: finer than right or wrong where an answer needs many look-ups. */
import type { EvalRecord } from '../evaluate/record.js';
import { tasks } from '../tasks/registry.js';

/**
 * Share of each problem's look-ups that are right: of those that its worked solution has, or that the output has if those are more.
 * One never reached is wrong: whoever stops early has not looked up the rest.
 * @param records of a task that counts look-ups
 * @returns (records), 0 to 1, four decimals
 */
export function lookupShares(records: readonly Pick<EvalRecord, 'problem' | 'split' | 'lookups'>[], taskName: string): number[] {
  return records.map(({ lookups, split, problem: index }) => {
    const worked = tasks[taskName].worked(split, index);
    const asked = tasks[taskName].grade(worked, worked.solution).lookups!.total;
    return Number((lookups!.right / Math.max(asked, lookups!.total)).toFixed(4));
  });
}
