/**
 * Floors of cases. What memory gives swings with what else the machine's host does, so each round is held against the read
 * bandwidth of its own seconds; the rate of multiply-adds is the best of the record, which rises while the bench runs.
 */
import { median, target, type BenchCase, type BenchRecord, type Ceilings, type CaseFloor } from './record.js';
import { floorOf, type Floor } from './work.js';

const largest = 2 ** 28; // beyond it nothing is in a cache

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
  const { work, bandwidths, type, limit } = one.ground;
  const mine = one.ground.ceilings === 'avx2' ? avx2! : ceilings;
  const floorWith = (of: 'f32' | 'bf16'): CaseFloor => {
    const floorAt = (bandwidth: number): Floor => floorOf(work, { bandwidth, operations: operationsOf(mine, of) });
    const shares = bandwidths.map((bandwidth, round) => floorAt(bandwidth).seconds / one.rounds[round]);
    return { ...floorAt(median(bandwidths)), share: median(shares) };
  };
  const [floor, single] = [floorWith(type), floorWith('f32')];
  const goal = 'share' in limit ? target('share of the floor', floor.share, true, limit.share) : target('times the floor', 1 / floor.share, false, limit.times);
  return { ...one, floor, ...(single.seconds > floor.seconds && { floorFloat32: single }), targets: [goal, ...one.targets] };
}
