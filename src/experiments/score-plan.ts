/** The plan of a comparison, written down before its test problems are run, against the sweep files that run it. */
import { isDeepStrictEqual } from 'node:util';
import { PathPressError } from '../engine/errors.js';
import { parseJson } from '../json-file.js';
import { armsOf } from '../sweep/arms.js';
import type { SweepFile } from '../sweep/file.js';
import { scoreRules } from './score-verdict.js';

/** The primary contrast as sweep files have it, every option spelled out. */
export interface ScorePlan {
  rules: typeof scoreRules;
  tasks: {
    task: string;
    split: string;
    models: string[];
    seeds: number[];
    sampling: SweepFile['sampling'];
    /** Of each arm of the primary contrast, and of the oracle: its problems, and a policy for each of its draws. */
    arms: Record<string, { problems: number; policies: object[] }>;
  }[];
}

/**
 * What a plan has to say of the primary contrast, and of the oracle that says whether it can tell anything.
 * @param sweeps files of a task or more each
 * @throws PathPressError BAD_SWEEP for an arm that does not hold; BAD_OPTION where one of these arms is missing
 */
export function scorePlan(sweeps: readonly SweepFile[]): ScorePlan {
  const tasks = sweeps.flatMap((sweep) => {
    const all = armsOf(sweep, sweep.name);
    return sweep.tasks.map(({ name, split, problems: most }) => ({
      task: name,
      split,
      models: sweep.models,
      seeds: sweep.seeds,
      sampling: sweep.sampling,
      arms: Object.fromEntries(
        [...scoreRules.primary, scoreRules.oracle].map((arm) => {
          const draws = all.filter((one) => one.name === arm);
          if (draws.length === 0) throw new PathPressError('BAD_OPTION', `${sweep.name}: no arm ${arm}`);
          const problems = Math.min(...draws.map((draw) => Math.min(most, draw.problems ?? most)));
          return [arm, { problems, policies: draws.map(({ policy }) => policy) }];
        }),
      ),
    }));
  });
  return JSON.parse(JSON.stringify({ rules: scoreRules, tasks })) as ScorePlan;
}

/**
 * Holds a plan, a text with one block of JSON between lines of three backticks, against what is to be run.
 * @param place the plan's, for errors
 * @returns models that the plan names and no sweep file does: those that are still to come
 * @throws PathPressError RECORD_MISMATCH where there is no such block, or naming what differs first; BAD_JSON
 */
export function checkScorePlan(text: string, place: string, wanted: ScorePlan): string[] {
  const [, block] = /^```json\n([\s\S]*?)^```/m.exec(text) ?? [];
  if (block === undefined) throw new PathPressError('RECORD_MISMATCH', `${place}: no block of JSON`);
  const planned = parseJson(block, place) as Partial<ScorePlan>;
  const present = new Set(wanted.tasks.flatMap(({ models }) => models));
  const tasks = planned.tasks?.map((task) => ({ ...task, models: task.models?.filter((model) => present.has(model)) }));
  const differs = firstDifference({ ...planned, tasks }, wanted, '');
  if (differs) throw new PathPressError('RECORD_MISMATCH', `${place}: ${differs}`);
  return [...new Set(planned.tasks!.flatMap(({ models }) => models))].filter((model) => !present.has(model));
}

function firstDifference(planned: unknown, wanted: unknown, at: string): string | undefined {
  if (isDeepStrictEqual(planned, wanted)) return undefined;
  const [a, b] = [planned, wanted].map((value) => (typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined));
  if (!a || !b) return `${at.slice(1) || 'all'} is ${JSON.stringify(planned)}, the sweep files have ${JSON.stringify(wanted)}`;
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const differs = firstDifference(a[key], b[key], `${at}.${key}`);
    if (differs) return differs;
  }
  return undefined;
}
