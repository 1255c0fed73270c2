/** The short form of each part that does not run within CTest. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../package.js';
import { Random } from '../tasks/random.js';
import { slopeOf } from './memory.js';
import { damagedJson } from './mutator.js';
import { parts } from './parts.js';

const built = existsSync(join(packageRoot, 'dist', 'cli.js'));
const ofTheCommandLine = ['kill', 'sweep-kill', 'hardship'];

describe('soak, the short form of', () => {
  for (const part of parts) {
    const { short: count } = part;
    if (count === undefined) continue;
    it.skipIf(!built && ofTheCommandLine.includes(part.name))(part.title, { timeout: 900_000 }, async () => {
      let last = 0;
      const progress = (done: number): void => void (last = done);
      const { faults, skipped } = await part.run({ count, seed: 1, first: 0, progress });
      expect(faults).toEqual([]);
      if (skipped.length) console.warn(`${part.name}, skipped: ${skipped.join('; ')}`);
      expect(last).toBeGreaterThan(0);
    });
  }
});

it('the slope of memory is that of least squares', () => {
  // numpy.polyfit([1, 2, 3, 5], [2, 3, 5, 9], 1)[0]
  expect(slopeOf([1, 2, 3, 5], [2, 3, 5, 9])).toBeCloseTo(1.8, 12);
  expect(slopeOf([1, 1], [2, 3])).toBe(0);
});

it('damage is decided by the seed alone', () => {
  const text = JSON.stringify({ a: [1, { b: null }], c: 'x' });
  const all = (seed: number) => Array.from({ length: 50 }, (_, i) => damagedJson(text, new Random(seed, i)));
  expect(all(1)).toEqual(all(1));
  expect(all(2)).not.toEqual(all(1));
  expect(all(1).filter((damaged) => damaged === text).length).toBeLessThan(10);
});
