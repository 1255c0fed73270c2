import { describe, expect, it } from 'vitest';
import { settlePolicy } from '../policies/settle.js';
import type { CompressionLine, StepLine } from './lines.js';
import { interpolation, runSeconds } from './throughput.js';

const step = (batch: number, entries: number): StepLine => ({ part: 'step', batch, entries, seconds: 10 + entries, bytes: 1 });
const event = (entries: number): CompressionLine => ({
  part: 'compression', policy: 'rpc', interval: 4, event: 0, batch: 2, entries, candidates: 1, staying: 1, seconds: 2 * entries, hostSeconds: 0, bytes: 1,
});

describe('interpolation', () => {
  const at = interpolation([{ x: 10, y: 1 }, { x: 0, y: 0 }, { x: 20, y: 5 }], 'points');
  it.each([[0, 0], [5, 0.5], [10, 1], [15, 3], [30, 9], [-10, -1]])('is a line between points: %d', (x, y) => {
    expect(at(x)).toBeCloseTo(y, 12);
  });
  it('needs two points', () => {
    expect(() => interpolation([{ x: 1, y: 1 }], 'steps of 7')).toThrow(expect.objectContaining({ code: 'BAD_OPTION', message: 'steps of 7: 1 measurements, not two or more' }));
  });
});

describe('run', () => {
  it('adds up the passes of a full cache: by hand, prompt 3, 5 tokens, passes at 4 to 7 entries', () => {
    const seconds = runSeconds(settlePolicy('full'), 2, 3, 5, [step(2, 1), step(2, 100), step(9, 1)], []);
    expect(seconds).toEqual({ decode: 14 + 15 + 16 + 17, compression: 0 });
  });

  // P = 4, R = 2, c = 2, prompt 3: entries 4 … 9, a compression at 6 generated that leaves 3 + 2 + 2 = 7, then 8, 9.
  it('follows the sawtooth of RPC and takes each compression once: by hand', () => {
    const seconds = runSeconds(settlePolicy('rpc', { interval: 4, window: 2, ratio: 2 }), 2, 3, 9, [step(2, 1), step(2, 100)], [event(1), event(50)]);
    expect(seconds.decode).toBeCloseTo(60 + 4 + 5 + 6 + 7 + 8 + 9 + 20 + 8 + 9, 9);
    expect(seconds.compression).toBeCloseTo(2 * 9, 9);
  });
});
