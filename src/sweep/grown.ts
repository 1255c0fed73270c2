/** A sweep whose file has grown since its folder was begun: more problems, samples, arms, seeds, tasks or models. */
import { isDeepStrictEqual } from 'node:util';
import { tasks } from '../tasks/registry.js';
import { difference, type Manifest } from './manifest.js';
import { taskHash } from './task-hash.js';

/**
 * Whether all of a folder's sweep is part of a wanted one, so that every record there is one of its too: the same engine, its
 * models and tasks unchanged, and each cell (arms may have other names) with as many problems and samples or more. Not of
 * shards: which samples are whose depends on all cells.
 */
export function isGrown(there: Manifest, wanted: Manifest): boolean {
  if (there.shard || wanted.shard || there.sweep.name !== wanted.sweep.name || !difference(there, wanted)) return false;
  const cells = new Map(wanted.cells.map((cell) => [cell.id, cell]));
  return (
    isDeepStrictEqual(there.engine, wanted.engine) &&
    there.models.every((model) => wanted.models.some((other) => isDeepStrictEqual(model, other))) &&
    there.tasks.every(isUnchanged) &&
    there.cells.every(({ id, problems, samplesPerProblem }) => {
      const cell = cells.get(id);
      return cell !== undefined && cell.problems >= problems && cell.samplesPerProblem >= samplesPerProblem;
    })
  );
}

/** The hash covers the first problems: of fewer, it is another. */
function isUnchanged({ name, version, hash, ...row }: Manifest['tasks'][number]): boolean {
  const task = Object.hasOwn(tasks, name) ? tasks[name]! : undefined;
  return task?.version === version && (row.split === 'tune' || row.split === 'test') && taskHash(task, { split: row.split, problems: row.problems }) === hash;
}
