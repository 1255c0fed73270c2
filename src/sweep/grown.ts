/** A sweep whose file has grown since its folder was begun: more problems, samples, arms, seeds, tasks or models. */
import { tasks } from '../tasks/registry.js';
import { compared, difference, firstDifference, type Manifest } from './manifest.js';
import { taskHash } from './task-hash.js';

/** How a folder stands to a sweep that is wanted in it; `why` names the first thing that differs. */
export type Standing = { is: 'same' } | { is: 'part' | 'other'; why: string };

/**
 * `part` where all of the folder's sweep is in the wanted one, so that every record there is one of its too: the same name and
 * engine, its models and tasks unchanged, and each cell (arms may have other names) with as many problems and samples or more.
 * Never of shards: which samples are whose depends on all cells.
 */
export function standingOf(there: Manifest, wanted: Manifest): Standing {
  const shards = [there.shard, wanted.shard].map((shard) => (shard ? `shard ${shard.index}/${shard.of}` : 'no shard'));
  const why = difference(there, wanted);
  if (shards[0] !== shards[1]) return { is: 'other', why: `${shards[0]}, not ${shards[1]}` };
  if (why === undefined) return { is: 'same' };
  const obstacle = there.shard ? why : obstacleOf(there, wanted);
  return obstacle === undefined ? { is: 'part', why } : { is: 'other', why: obstacle };
}

/** What the wanted sweep lacks of the one that is there, or has otherwise; undefined where it has all of it. */
function obstacleOf(there: Manifest, wanted: Manifest): string | undefined {
  const [ours, theirs] = [compared(there), compared(wanted)];
  const head = firstDifference(ours.format, theirs.format, 'format') ?? firstDifference(ours.sweep.name, theirs.sweep.name, 'name') ?? firstDifference(ours.engine, theirs.engine, 'engine');
  if (head) return head;
  for (const [i, model] of ours.models.entries()) {
    const same = theirs.models.find(({ name }) => name === model.name);
    const differs = firstDifference(model, same, `models[${i}]`);
    if (differs) return differs;
  }
  const changed = there.tasks.findIndex((task) => !isUnchanged(task));
  if (changed >= 0) return `tasks[${changed}] ${JSON.stringify(there.tasks[changed]!.name)}: another version of it`;
  const cells = new Map(wanted.cells.map((cell) => [cell.id, cell]));
  for (const [i, cell] of there.cells.entries()) {
    const now = cells.get(cell.id);
    if (!now) return firstDifference(ours.cells[i]!.settings, closest(ours.cells[i]!, theirs.cells)?.settings, `cells[${i}].settings`) ?? `cells[${i}] ${cell.id}, missing`;
    for (const key of ['problems', 'samplesPerProblem'] as const)
      if (now[key] < cell[key]) return `cells[${i}].${key} ${cell[key]}, not ${now[key]}`;
  }
  return undefined;
}

type Cell = ReturnType<typeof compared>['cells'][number];

/** The cell of the same arm, task and model where there is one: what differs from it says most. */
function closest(cell: Cell, others: readonly Cell[]): Cell | undefined {
  const near = ({ arm, settings: { task, model, seed } }: Cell): string[] => [task.name, model, arm, String(seed)];
  const own = near(cell);
  const alike = (other: Cell): number => near(other).filter((value, i) => value === own[i]).length;
  return others.reduce<Cell | undefined>((best, other) => (!best || alike(other) > alike(best) ? other : best), undefined);
}

/** The hash covers the first problems: of fewer, it is another. */
function isUnchanged({ name, version, hash, split, problems }: Manifest['tasks'][number]): boolean {
  const task = Object.hasOwn(tasks, name) ? tasks[name]! : undefined;
  return task?.version === version && (split === 'tune' || split === 'test') && taskHash(task, { split, problems }) === hash;
}
