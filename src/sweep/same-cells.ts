/** Cells of a sweep that are one: they would share a file, or count one draw as two. */
import type { Policy } from '../policies/policy.js';
import { drawsLots } from '../policies/settle.js';
import { canonicalJson } from './canonical.js';
import type { SweepCell } from './manifest.js';

/** Why cells may not stand beside each other. @param places of the cells in the sweep file, one each */
export function sameCells(cells: readonly SweepCell[], places: readonly string[]): string[] {
  const byId = new Map<string, number>();
  const byDraw = new Map<string, number>();
  return cells.flatMap((cell, i) => {
    const draw = drawOf(cell);
    const [twin, repeated] = [byId.get(cell.id), byDraw.get(draw)];
    if (twin !== undefined) return [`${places[i]}: the same cell as ${places[twin]}`];
    if (repeated !== undefined) return [`${places[i]}: the same draw as ${places[repeated]}, no repetition`];
    byId.set(cell.id, i);
    byDraw.set(draw, i);
    return [];
  });
}

/** What decides the tokens of a cell: lots without a seed of their own take the sampling's, and greed takes none. */
function drawOf({ settings: { policy, seed, ...rest } }: SweepCell): string {
  const lots = drawsLots(policy) ? ((policy as { drawSeed?: number }).drawSeed ?? seed) : undefined;
  const { drawSeed: _, ...options } = policy as Policy & { drawSeed?: number };
  return canonicalJson({ ...rest, policy: options, lots, seed: rest.sampling.temperature === 0 ? undefined : seed });
}
