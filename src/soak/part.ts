/** What a part of the soak suite is: work that is repeated many times under a seed, and what it says of itself. */

export interface Work {
  /** How many repetitions: mutations, runs, teardowns, kills or tokens, as the part says. */
  count: number;
  /** Decides every random choice; printed, so that a failure can be repeated. */
  seed: number;
  /** The first case, where cases are numbered and each is drawn from (seed, number) alone. */
  first: number;
  /** Told of every advance: a part that is silent for long is taken for hung. */
  progress(done: number): void;
}

export interface Outcome {
  /** What was measured, by name with its unit. */
  figures: Record<string, number | string>;
  /** What broke; empty where all went well. */
  faults: string[];
  /** What could not be tried here, and why. */
  skipped: string[];
}

export interface Part {
  name: string;
  /** What it is about, for people. */
  title: string;
  /** What `count` counts. */
  unit: string;
  /** The count of `npm run soak`. */
  full: number;
  /** The count of the form that runs in seconds within `npm test`; absent where CTest runs it, without a sanitizer. */
  short?: number;
  run(work: Work): Promise<Outcome>;
}

/** At most this many faults are kept: one that repeats a thousand times says no more. */
const mostFaults = 20;

export function newOutcome(): Outcome & { fault(what: string): void } {
  const faults: string[] = [];
  const fault = (what: string): void => {
    if (faults.length < mostFaults) faults.push(what);
  };
  return { figures: {}, faults, skipped: [], fault };
}
