import { describe, expect, it } from 'vitest';
import { firstStop, StopScanner } from './stop.js';

describe('stop strings', () => {
  it('finds the one that begins first', () => {
    expect(firstStop('a stop here END', ['END', 'stop'])).toBe(2);
    expect(firstStop('nothing', ['END'])).toBe(-1);
    expect(firstStop('x', [])).toBe(-1);
  });

  it('shows nothing of a stop string, however it is cut', () => {
    const text = 'ab</d</done>rest';
    for (let size = 1; size <= text.length; ++size) {
      const scanner = new StopScanner(['</done>']);
      let shown = '';
      for (let at = 0; at < text.length; at += size) shown += scanner.push(text.slice(at, at + size));
      expect(shown + scanner.end()).toBe('ab</d');
      expect(scanner.stopped).toBe(true);
    }
  });

  it('gives what it held back at the end', () => {
    const scanner = new StopScanner(['END']);
    expect(scanner.push('the EN')).toBe('the ');
    expect(scanner.end()).toBe('EN');
    expect(scanner.stopped).toBe(false);
  });
});
