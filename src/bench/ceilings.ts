/** The machine's ceilings: read bandwidth around every round, the rate of multiply-adds now and then, of which the best counts. */
import { loadBinding } from '../engine/binding.js';
import { bufferSize, operationsOf } from './floors.js';
import { askPython } from './peers.js';
import type { Ceilings } from './record.js';
import type { Rates, Work } from './work.js';

const fresh = 60_000; // milliseconds: what disturbed one measurement is over at the next
const adjoining = 200; // milliseconds: a measurement after one round is also that before the next

/** A round's time, and the read bandwidth of its moment. */
export interface Round {
  seconds: number;
  bandwidth: number;
}

export class Measured {
  readonly found: Ceilings;
  readonly #measuredAt = new Map<string, number>();
  #last = { size: 0, value: 0, at: -Infinity };
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

  /** Bytes a second of a buffer of about so many bytes, now. */
  bandwidth(bytes: number): number {
    const size = bufferSize(bytes);
    if (this.#last.size !== size || performance.now() - this.#last.at > adjoining) {
      this.#last = { size, value: loadBinding().readBandwidth(size, this.threads, this.simd), at: performance.now() };
    }
    this.found.bandwidth[size] = Math.max(this.found.bandwidth[size] ?? 0, this.#last.value);
    return this.#last.value;
  }

  /** A round that reads about so many bytes, with the read bandwidth of the moment: the better of before and after. */
  async around(bytes: number, round: () => Promise<number>): Promise<Round> {
    const before = this.bandwidth(bytes);
    const seconds = await round();
    return { seconds, bandwidth: Math.max(before, this.bandwidth(bytes)) };
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
    return { bandwidth: this.bandwidth(work.bytes), operations: this.operations(type) };
  }
}
