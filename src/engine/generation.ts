/** A single generation as an async iterator of ids and a promise of the result. */
import type { GenerateResult, Generation } from './types.js';

/** Ids wait here until somebody iterates. */
export class TokenQueue implements AsyncIterator<number> {
  private readonly ids: number[] = [];
  private read = 0;
  private ended = false;
  private failure: unknown;
  private waiting: (() => void)[] = []; // several, where calls of next() overlap

  constructor(private readonly stop: () => void) {}

  push(id: number): void {
    if (this.ended) return; // whoever left wants no more
    this.ids.push(id);
    this.wake();
  }

  end(failure?: unknown): void {
    if (this.ended) return;
    this.ended = true;
    this.failure = failure;
    this.wake();
  }

  private wake(): void {
    const woken = this.waiting;
    this.waiting = [];
    for (const resolve of woken) resolve();
  }

  async next(): Promise<IteratorResult<number>> {
    while (this.read === this.ids.length) {
      if (this.failure !== undefined) throw this.failure;
      if (this.ended) return { done: true, value: undefined };
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
    return { done: false, value: this.ids[this.read++] };
  }

  /** Leaving a `for await` early stops the generation. */
  async return(): Promise<IteratorResult<number>> {
    this.stop();
    this.read = this.ids.length;
    this.end();
    return { done: true, value: undefined };
  }
}

export class NativeGeneration implements Generation {
  constructor(
    readonly result: Promise<GenerateResult>,
    private readonly tokens: TokenQueue,
    readonly stop: () => void,
  ) {
    result.then(
      () => tokens.end(),
      (error: unknown) => tokens.end(error),
    );
  }

  [Symbol.asyncIterator](): AsyncIterator<number> {
    return this.tokens;
  }
}
