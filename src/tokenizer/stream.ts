const half = '\uFFFD'; // what an incomplete UTF-8 sequence at the end decodes to: always exactly one of these
const context = 8; // ids decoded again with each push: more than the 3 bytes that a half character can have

/**
 * Turns ids into text as they come. The pieces put together are the text of all ids, and no piece ends within a character:
 * an incomplete sequence is held back until the ids that complete it, or the end.
 */
export class TextStream {
  #window: number[] = [];
  #emitted = 0; // characters of the window's text that are out already

  constructor(private readonly decode: (ids: number[]) => string) {}

  push(ids: Iterable<number>): string {
    this.#window.push(...ids);
    const text = this.decode(this.#window);
    const piece = whole(text).slice(this.#emitted);
    this.#emitted += piece.length;
    this.#shrink(text);
    return piece;
  }

  /** What was still held back. */
  end(): string {
    const piece = this.decode(this.#window).slice(this.#emitted);
    this.#window = [];
    this.#emitted = 0;
    return piece;
  }

  // Some ids stay as context, enough to show something: whether a space stands before a word depends on what precedes it.
  // More characters than a half one has bytes, and the same at the end: nothing of a half character is among what goes.
  #shrink(all: string): void {
    if (this.#window.length <= context) return;
    for (let keep = context; keep < this.#window.length; keep *= 2) {
      const tail = this.#window.slice(-keep);
      const text = this.decode(tail);
      if (text.length < 3 || text.at(-1) !== all.at(-1)) continue;
      this.#window = tail;
      this.#emitted = whole(text).length;
      return;
    }
  }
}

function whole(text: string): string {
  return text.endsWith(half) ? text.slice(0, -1) : text;
}
