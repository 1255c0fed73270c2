/** Floors of cases, from the ceilings as they are when a record is written: these rise while the bench runs. */
import { target, type BenchCase, type BenchRecord, type Ceilings } from './record.js';
import { floorOf, type Rates } from './work.js';

const largest = 1e9; // beyond it nothing is in a cache

/** Bytes of the buffer whose bandwidth stands for about so many: to a quarter of a power of two. */
export const bufferSize = (bytes: number): number => Math.min(largest, Math.round(2 ** (Math.round(4 * Math.log2(bytes)) / 4)));

/** Operations a second, the better of probe and PyTorch; those of float32 where there is no dot product of bfloat16. */
export function operationsOf({ f32, bf16 }: Ceilings, type: 'f32' | 'bf16'): number {
  const { probe, pytorch = 0 } = (type === 'bf16' ? bf16 : undefined) ?? f32;
  return Math.max(probe, pytorch);
}

/** The case with its floor (where bfloat16's dot decides it, also what it would be without) and the target of it. */
export function withFloor(one: BenchCase, { ceilings, avx2 }: Pick<BenchRecord, 'ceilings' | 'avx2'>): BenchCase {
  if (!one.ground) return one;
  const { work, readBytes = work.bytes, type, limit } = one.ground;
  const mine = one.ground.ceilings === 'avx2' ? avx2! : ceilings;
  const rates = (of: 'f32' | 'bf16'): Rates => ({ bandwidth: mine.bandwidth[bufferSize(readBytes)], operations: operationsOf(mine, of) });
  const [floor, single] = [floorOf(work, rates(type)), floorOf(work, rates('f32'))];
  const [share, times] = [floor.seconds / one.seconds, one.seconds / floor.seconds];
  const goal = 'share' in limit ? target('share of the floor', share, true, limit.share) : target('times the floor', times, false, limit.times);
  return { ...one, floor, ...(single.seconds > floor.seconds && { floorFloat32: single }), targets: [goal, ...one.targets] };
}
