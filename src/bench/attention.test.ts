import { describe, expect, it } from 'vitest';
import { loadBinding } from '../engine/binding.js';

describe('the attention of the bench', () => {
  // Query heads whose width is a power of two: their rows lie further apart than they are wide.
  it.each(loadBinding().simd())('runs with its rows where the engine wants them: %s', (simd) => {
    const work = { sequences: 5, kvHeads: 2, group: 4, dim: 64, entries: 300, type: 'bf16', threads: 2, simd } as const;
    const seconds = loadBinding().attentionSeconds(work, 3);
    expect(seconds).toHaveLength(3);
    for (const one of seconds) expect(one).toBeGreaterThan(0);
  });
});
