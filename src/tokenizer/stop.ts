/** Watches text for stop strings: what is safe to show, and where the first stop string begins. */
export class StopScanner {
  #held = '';
  #stopped = false;

  constructor(private readonly stops: readonly string[]) {}

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Text that can be shown now: nothing of a stop string, nor what may turn out to be the beginning of one. */
  push(text: string): string {
    if (this.#stopped) return '';
    const all = this.#held + text;
    const found = firstStop(all, this.stops);
    if (found >= 0) {
      this.#stopped = true;
      this.#held = '';
      return all.slice(0, found);
    }
    const safe = all.length - longestBeginning(all, this.stops);
    this.#held = all.slice(safe);
    return all.slice(0, safe);
  }

  end(): string {
    const rest = this.#held;
    this.#held = '';
    return rest;
  }
}

/** Where the first of the stop strings begins in a text, −1 where there is none. */
export function firstStop(text: string, stops: readonly string[]): number {
  return stops.reduce((first, stop) => {
    const at = text.indexOf(stop);
    return at >= 0 && (first < 0 || at < first) ? at : first;
  }, -1);
}

// Length of the longest end of the text that a stop string begins with.
function longestBeginning(text: string, stops: readonly string[]): number {
  let longest = 0;
  for (const stop of stops) {
    for (let n = Math.min(stop.length - 1, text.length); n > longest; --n) {
      if (text.endsWith(stop.slice(0, n))) longest = n;
    }
  }
  return longest;
}
