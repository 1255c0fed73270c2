import { describe, expect, it } from 'vitest';
import { TimeLeft } from './time-left.js';

// The committed records' seconds, notebook by notebook, between cells that draw.
const parts = [8, 22, ...Array<number>(10).fill(0.5), 9, 24, 24, ...Array<number>(10).fill(0.5), 1165, 0.5, 106, 0.5, 744];
const total = parts.reduce((a, b) => a + b, 0);

/** Largest factor by which the time left is wrong, asked every 5 s from `from` of the run on until its last tenth. */
function worst(slower: number, from: number): number {
  const left = new TimeLeft(total, 0);
  const length = total * slower;
  let [now, done, factor] = [0, 0, 1];
  for (const part of parts) {
    left.begin(done, part, now);
    const end = now + part * slower;
    for (let at = now; at < end; at += 5) {
      const truth = length - at;
      if (at < from * length || truth < length / 10) continue;
      const said = left.at(at).secondsLeft;
      factor = Math.max(factor, said / truth, truth / said);
    }
    [now, done] = [end, done + part];
  }
  return factor;
}

describe('time left', () => {
  it('is right from the first second on a machine as fast as the records’', () => expect(worst(1, 0)).toBeLessThan(1.01));
  it.each([0.5, 0.8, 1.3, 2, 3])('is within 1.5 times of the truth from a twentieth on at %d times the seconds', (slower) => {
    expect(worst(slower, 0.05)).toBeLessThan(1.5);
  });
  it('says a little where a part should be over', () => {
    const left = new TimeLeft(10, 0);
    left.begin(0, 10, 0);
    expect(left.at(4)).toEqual({ done: 4, secondsLeft: 6 });
    expect(left.at(100)).toEqual({ done: 10, secondsLeft: 5 });
  });
  it('does not take a kernel’s start for the pace of the work', () => {
    const left = new TimeLeft(1000.5, 0);
    left.begin(0, 0.5, 0);
    left.begin(0.5, 1000, 30);
    expect(left.at(30).secondsLeft).toBe(1000);
  });
});
