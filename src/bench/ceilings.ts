/** The machine's ceilings: read bandwidth around every round, the rate of multiply-adds now and then, of which the best counts. */
import { loadBinding } from '../engine/binding.js';
import { bufferSize, operationsOf } from './floors.js';
import { askPython } from './peers.js';
import type { Ceilings, Ground } from './record.js';
import type { Rates, Work } from './work.js';

const fresh = 60_000; // milliseconds: what disturbed one measurement is over at the next
const adjoining = 200; // milliseconds: a measurement after one round is also that before the next

/** What the machine's memory gives at a moment. */
interface Reading {
  bandwidth: number;
  /** Seconds of a cache line from thread to thread and back; none with one thread. */
  roundTrip?: number;
}

/** A round's time, and what memory gave in its moment. */
export interface Round extends Reading {
  seconds: number;
}

/** What memory gave in each round, as a case's ground has it. */
export const readingsOf = (rounds: readonly Round[]): Pick<Ground, 'bandwidths' | 'roundTrips'> => ({
  bandwidths: rounds.map(({ bandwidth }) => bandwidth),
  ...(rounds.every(({ roundTrip }) => roundTrip !== undefined) && { roundTrips: rounds.map(({ roundTrip }) => roundTrip!) }),
});

export class Measured {
  readonly found: Ceilings;
  readonly #measuredAt = new Map<string, number>();
  #last: Reading & { size: number; at: number } = { size: 0, bandwidth: 0, at: -Infinity };
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
    if (binding.operationRate('bf16', threads, simd) > 0) this.found.bf16 = { probe: 0, pytorch: pytorch?.bf16 };
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

  /** Of a buffer of about so many bytes, now. */
  reading(bytes: number): Reading {
    const size = bufferSize(bytes);
    if (this.#last.size !== size || performance.now() - this.#last.at > adjoining) {
      const binding = loadBinding();
      const bandwidth = binding.readBandwidth(size, this.threads, this.simd);
      const roundTrip = this.threads > 1 ? binding.roundTripSeconds() : undefined;
      this.#last = { bandwidth, roundTrip, size, at: performance.now() };
    }
    const { bandwidth, roundTrip } = this.#last;
    this.found.bandwidth[size] = Math.max(this.found.bandwidth[size] ?? 0, bandwidth);
    return { bandwidth, roundTrip };
  }

  /** A round that reads about so many bytes, with the reading of the moment: the faster of before and after. */
  async around(bytes: number, round: () => Promise<number>): Promise<Round> {
    const before = this.reading(bytes);
    const seconds = await round();
    const after = this.reading(bytes);
    return { seconds, ...(before.bandwidth > after.bandwidth ? before : after) };
  }

  /** Operations a second; those of float32 where there is no dot product of bfloat16. */
  operations(type: 'f32' | 'bf16'): number {
    const rates = type === 'bf16' ? this.found.bf16 : this.found.f32;
    if (!rates) return this.operations('f32');
    const now = performance.now();
    if (now - (this.#measuredAt.get(type) ?? -Infinity) > fresh) {
      this.#measuredAt.set(type, now);
      rates.probe = Math.max(rates.probe, loadBinding().operationRate(type, this.threads, this.simd));
    }
    return operationsOf(this.found, type);
  }

  /** What holds for work on numbers of this type: the processor's bfloat16 dot counts wherever weights are bfloat16. */
  rates(work: Work, type: 'f32' | 'bf16'): Rates {
    return { bandwidth: this.reading(work.bytes).bandwidth, operations: this.operations(type) };
  }
}
