/** Resident memory over a long run, and how flat it is. */

export interface Growth {
  /** Least-squares slope of resident memory over the second half of the run, bytes a repetition. */
  slope: number;
  /** The slope times the repetitions of that half, over the resident memory at its beginning. */
  share: number;
  /** Resident bytes at the end. */
  resident: number;
}

/** Resident memory that a run may gain over its second half and still be called flat. */
export const flatShare = 0.05;

export class MemoryLog {
  readonly #at: number[] = [];
  readonly #bytes: number[] = [];

  /** Collects garbage (where the process exposes it) and notes what is resident after `done` repetitions. */
  note(done: number): void {
    global.gc?.();
    this.#at.push(done);
    this.#bytes.push(process.memoryUsage.rss());
  }

  /** The first half is left out: pools, code and the allocator's arenas fill up in it. */
  growth(): Growth {
    const half = Math.floor(this.#at.length / 2);
    const [at, bytes] = [this.#at.slice(half), this.#bytes.slice(half)];
    const slope = slopeOf(at, bytes);
    return { slope, share: (slope * (at.at(-1)! - at[0])) / bytes[0], resident: bytes.at(-1)! };
  }
}

/** Least-squares slope of y over x; 0 where x does not vary. */
export function slopeOf(x: readonly number[], y: readonly number[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [mx, my] = [mean(x), mean(y)];
  const spread = x.reduce((sum, value) => sum + (value - mx) ** 2, 0);
  return spread === 0 ? 0 : x.reduce((sum, value, i) => sum + (value - mx) * (y[i] - my), 0) / spread;
}
