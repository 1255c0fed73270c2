/** A part of the soak suite in a process of its own: its crash is its own, and its memory nobody else's. */
import { parts } from './parts.js';
import type { Outcome, Work } from './part.js';

export type Order = Omit<Work, 'progress'> & { name: string };
export type News = { done: number } | { outcome: Outcome };

const tell = (news: News): void => void process.send!(news);
const leastGap = 200; // milliseconds between two tellings

// Whoever asked is gone, killed perhaps, and nobody reads what would come.
process.once('disconnect', () => process.exit(1));

process.once('message', ({ name, ...work }: Order) => {
  const part = parts.find((one) => one.name === name)!;
  let last = -Infinity;
  const progress = (done: number): void => {
    if (performance.now() - last < leastGap) return;
    last = performance.now();
    tell({ done });
  };
  part.run({ ...work, progress }).then(
    (outcome) => process.send!({ outcome } satisfies News, () => process.exit(0)),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
