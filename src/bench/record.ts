/** What `npm run bench -- --json FILE` writes. */
import { quantile } from '../analysis/statistics.js';
import type { Floor, Work } from './work.js';

/** A time and its repeats. */
export interface Timing {
  /** The median of `rounds`. */
  seconds: number;
  rounds: number[];
}

export interface PeerTiming extends Partial<Timing> {
  name: string;
  /** Why there is no time. */
  missing?: string;
}

export interface Target {
  what: string;
  value: number;
  limit: number;
  /** Whether the value has to reach the limit or stay below it. */
  atLeast: boolean;
  met: boolean;
}

/** What decides a case's floor, but for the ceilings. */
export interface Ground {
  work: Work;
  /** Read bandwidth of each round: the better of what was measured right before it and right after. */
  bandwidths: number[];
  /** Multiply-adds of each round, operations a second on average: likewise. */
  operations: number[];
  /** Seconds of a cache line from thread to thread and back, beside each of them. */
  roundTrips?: number[];
  /** Of the multiply-adds. */
  type: 'f32' | 'bf16';
  ceilings: 'main' | 'avx2';
  /** The floor's share of the time, at least; or the time in floors, at most. */
  limit: { share: number } | { times: number };
}

export interface CaseFloor extends Floor {
  /** The median of the rounds' shares: each round's own floor over its time. */
  share: number;
}

export interface BenchCase extends Timing {
  part: string;
  name: string;
  /** Of a case that was measured again, after the rest of its record. */
  commit?: string;
  /** What the time is of: a step, a prompt. */
  of: string;
  /** What the floor is made of. */
  ground?: Ground;
  floor?: CaseFloor;
  /** Where the floor is bound by operations of the bfloat16 dot: the floor with the float32 rate. */
  floorFloat32?: CaseFloor;
  peers: PeerTiming[];
  targets: Target[];
  /** Further figures, by name. */
  figures?: Record<string, number>;
}

export interface Ceilings {
  /** Bytes a second by the buffer's bytes, the best seen. */
  bandwidth: Record<string, number>;
  /** Operations a second, the best seen of the probe and of PyTorch. */
  f32: { probe: number; pytorch?: number };
  bf16?: { probe: number; pytorch?: number };
}

export interface BenchRecord {
  date: string;
  commit: string;
  engine: string;
  processor: string;
  cores: number;
  threads: number;
  simd: string;
  quick: boolean;
  ceilings: Ceilings;
  /** Of AVX2's loads and multiply-adds, where cases were held against them. */
  avx2?: Ceilings;
  /** Version of each, or why it is missing. */
  peers: Record<string, string>;
  shapes: Record<string, string>;
  cases: BenchCase[];
}

export const target = (what: string, value: number, atLeast: boolean, limit: number): Target => ({
  what,
  value,
  limit,
  atLeast,
  met: atLeast ? value >= limit : value <= limit,
});

export const median = (values: readonly number[]): number => quantile(values, 0.5);

export const timing = (rounds: number[]): Timing => ({ seconds: median(rounds), rounds });
