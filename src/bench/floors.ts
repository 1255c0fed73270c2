/**
 * Floors of cases. What the machine gives swings with what else its host does, so each round is held against the read
 * bandwidth and the rate of multiply-adds of its own seconds; the latter counts as no less than the best that PyTorch's
 * matrix product reached.
 */
import { median, target, type BenchCase, type BenchRecord, type Ceilings, type CaseFloor } from './record.js';
import { floorOf, type Floor } from './work.js';

const largest = 2 ** 28; // beyond it nothing is in a cache

/** Bytes of the buffer whose bandwidth stands for about so many: to a quarter of a power of two. */
export const bufferSize = (bytes: number): number => Math.min(largest, Math.round(2 ** (Math.round(4 * Math.log2(bytes)) / 4)));

/** Of numbers of this type; those of float32 where there is no dot product of bfloat16. */
export const ratesOf = ({ f32, bf16 }: Ceilings, type: 'f32' | 'bf16'): Ceilings['f32'] => (type === 'bf16' ? bf16 : undefined) ?? f32;

/** The case with its floor (where bfloat16's dot decides it, also what it would be without) and the target of it. */
export function withFloor(one: BenchCase, { ceilings, avx2 }: Pick<BenchRecord, 'ceilings' | 'avx2'>): BenchCase {
  if (!one.ground) return one;
  const { work, bandwidths, operations, type, limit } = one.ground;
  const mine = one.ground.ceilings === 'avx2' ? avx2! : ceilings;
  const floorWith = (of: 'f32' | 'bf16'): CaseFloor => {
    const { probe, pytorch = 0 } = ratesOf(mine, of);
    // The float32 rate of a moment is not measured beside the dot's: the same share of the best.
    const share = probe / ratesOf(mine, type).probe;
    const floorAt = (bandwidth: number, rate: number): Floor => floorOf(work, { bandwidth, operations: Math.max(share * rate, pytorch) });
    const shares = bandwidths.map((bandwidth, round) => floorAt(bandwidth, operations[round]).seconds / one.rounds[round]);
    return { ...floorAt(median(bandwidths), median(operations)), share: median(shares) };
  };
  const [floor, single] = [floorWith(type), floorWith('f32')];
  const goal = 'share' in limit ? target('share of the floor', floor.share, true, limit.share) : target('times the floor', 1 / floor.share, false, limit.times);
  return { ...one, floor, ...(single.seconds > floor.seconds && { floorFloat32: single }), targets: [goal, ...one.targets] };
}
