/** The machine's ceilings, each measured when first asked for. */
import { loadBinding } from '../engine/binding.js';
import { askPython } from './peers.js';
import type { Ceilings } from './record.js';
import type { Rates, Work } from './work.js';

const largest = 1e9; // beyond it nothing is in a cache

export class Measured {
  readonly found: Ceilings;
  #avx2: Measured | undefined;

  constructor(
    readonly threads: number,
    readonly simd: string,
  ) {
    const binding = loadBinding();
    const widest = simd === binding.simd().at(-1); // which PyTorch takes
    const pytorch = widest ? askPython<{ f32: number; bf16: number }>('gemm.py', [String(threads)]) : undefined;
    const bf16 = binding.operationRate('bf16', threads, simd);
    this.found = {
      bandwidth: {},
      f32: { probe: binding.operationRate('f32', threads, simd), pytorch: pytorch?.f32 },
      ...(bf16 > 0 && { bf16: { probe: bf16, pytorch: pytorch?.bf16 } }),
    };
  }

  /** Those of AVX2's loads and multiply-adds. */
  ofAvx2(): Measured {
    return (this.#avx2 ??= new Measured(this.threads, 'avx2'));
  }

  /** Bytes a second of a buffer of about so many bytes: to a quarter of a power of two. */
  bandwidth(bytes: number): number {
    const size = Math.min(largest, Math.round(2 ** (Math.round(4 * Math.log2(bytes)) / 4)));
    return (this.found.bandwidth[size] ??= loadBinding().readBandwidth(size, this.threads, this.simd));
  }

  operations(type: 'f32' | 'bf16'): number {
    const { probe, pytorch = 0 } = (type === 'bf16' && this.found.bf16) || this.found.f32;
    return Math.max(probe, pytorch);
  }

  /** What holds for work on numbers of this type: the processor's bfloat16 dot counts wherever weights are bfloat16. */
  rates(work: Work, type: 'f32' | 'bf16'): Rates {
    return { bandwidth: this.bandwidth(work.bytes), operations: this.operations(type) };
  }
}
