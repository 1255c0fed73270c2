/** The machine's ceilings: read bandwidth and the rate of multiply-adds around every round, and of the latter the best too. */
import { loadBinding } from '../engine/binding.js';
import { bufferSize, ratesOf } from './floors.js';
import { askPython } from './peers.js';
import type { Ceilings, Ground } from './record.js';
import type { Rates, Work } from './work.js';

const fresh = 60_000; // milliseconds: what disturbed one measurement is over at the next
const adjoining = 200; // milliseconds: a measurement after one round is also that before the next
const longest = 700; // milliseconds in which to find the best rate
const moment = 100; // milliseconds that stand for a round's neighbourhood
const attempts = 4; // at a round

type NumberType = 'f32' | 'bf16';

/** What the machine gives at a moment. */
interface Reading {
  bandwidth: number;
  /** Operations a second, the mean. */
  operations: number;
  /** Seconds of a cache line from thread to thread and back; none with one thread. */
  roundTrip?: number;
}

/** A round's time, and what the machine gave in its moment. */
export interface Round extends Reading {
  seconds: number;
}

/** Whether the processors stood as near to each other at both: on two chiplets a round trip takes some five times as long. */
export const alike = ({ roundTrip: a }: Pick<Reading, 'roundTrip'>, { roundTrip: b }: Pick<Reading, 'roundTrip'>): boolean =>
  a === undefined || b === undefined || Math.max(a, b) < 2 * Math.min(a, b);

/** What the machine gave in each round, as a case's ground has it. */
export const readingsOf = (rounds: readonly Round[]): Pick<Ground, 'bandwidths' | 'operations' | 'roundTrips'> => ({
  bandwidths: rounds.map(({ bandwidth }) => bandwidth),
  operations: rounds.map(({ operations }) => operations),
  ...(rounds.every(({ roundTrip }) => roundTrip !== undefined) && { roundTrips: rounds.map(({ roundTrip }) => roundTrip!) }),
});

export class Measured {
  readonly found: Ceilings;
  readonly #measuredAt = new Map<string, number>();
  #last: Reading & { size: number; type: NumberType; at: number } = { size: 0, type: 'f32', bandwidth: 0, operations: 0, at: -Infinity };
  #avx2: Measured | undefined;

  constructor(
    readonly threads: number,
    readonly simd: string,
    readonly name: 'main' | 'avx2' = 'main',
  ) {
    const binding = loadBinding();
    const widest = simd === binding.simd().at(-1); // which PyTorch takes
    const pytorch = widest ? askPython<{ f32: number; bf16: number }>('gemm.py', [String(threads)]) : undefined;
    this.found = { bandwidth: {}, f32: { probe: 0, pytorch: pytorch?.f32 } };
    if (binding.operationRate('bf16', threads, simd, 1).best > 0) this.found.bf16 = { probe: 0, pytorch: pytorch?.bf16 };
    for (const type of ['f32', 'bf16'] as const) this.operations(type);
  }

  /** Those of AVX2's loads and multiply-adds. */
  ofAvx2(): Measured {
    return (this.#avx2 ??= new Measured(this.threads, 'avx2', 'avx2'));
  }

  /** undefined where nobody asked for them. */
  get avx2(): Ceilings | undefined {
    return this.#avx2?.found;
  }

  /** Of a buffer of about so many bytes and of products of this type, now. */
  reading(bytes: number, type: NumberType): Reading {
    const size = bufferSize(bytes);
    if (this.#last.size !== size || this.#last.type !== type || performance.now() - this.#last.at > adjoining) {
      const binding = loadBinding();
      const bandwidth = binding.readBandwidth(size, this.threads, this.simd);
      const own = this.found.bf16 ? type : 'f32';
      const operations = binding.operationRate(own, this.threads, this.simd, moment).mean;
      const roundTrip = this.threads > 1 ? binding.roundTripSeconds() : undefined;
      this.#last = { bandwidth, operations, roundTrip, size, type, at: performance.now() };
    }
    const { bandwidth, operations, roundTrip } = this.#last;
    this.found.bandwidth[size] = Math.max(this.found.bandwidth[size] ?? 0, bandwidth);
    return { bandwidth, operations, roundTrip };
  }

  /**
   * A round that reads about so many bytes, with the reading of the moment: the faster of before and after. Where a virtual
   * machine's processors were moved between the two, nobody knows where they stood meanwhile, and the round is taken again.
   */
  async around(bytes: number, type: NumberType, round: () => Promise<number>): Promise<Round> {
    for (let left = attempts; ; left--) {
      const before = this.reading(bytes, type);
      const seconds = await round();
      const after = this.reading(bytes, type);
      if (left > 1 && !alike(before, after)) continue;
      const { bandwidth, roundTrip } = before.bandwidth > after.bandwidth ? before : after;
      return { seconds, bandwidth, roundTrip, operations: Math.max(before.operations, after.operations) };
    }
  }

  /** Looks again for the best rate of multiply-adds. */
  operations(type: NumberType): void {
    const now = performance.now();
    if (now - (this.#measuredAt.get(type) ?? -Infinity) < fresh || (type === 'bf16' && !this.found.bf16)) return;
    this.#measuredAt.set(type, now);
    const rates = ratesOf(this.found, type);
    rates.probe = Math.max(rates.probe, loadBinding().operationRate(type, this.threads, this.simd, longest).best);
  }

  /** Of this moment, for work on numbers of this type: the processor's bfloat16 dot counts wherever weights are bfloat16. */
  rates(work: Work, type: NumberType): Rates {
    this.operations(type);
    const { bandwidth, operations } = this.reading(work.bytes, type);
    return { bandwidth, operations: Math.max(operations, ratesOf(this.found, type).pytorch ?? 0) };
  }
}
