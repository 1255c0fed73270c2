import { expect, it } from 'vitest';
import { placeNames } from './labels.js';

const mark = (x: number, y: number, name = 'avg 7') => ({ x, y, barTop: y - 20, barBottom: y + 20, name });

it('puts names left of marks that stand apart', () => {
  expect(placeNames([mark(100, 100), mark(300, 100)])).toEqual(['middle left', 'middle left']);
});

it('moves a name off another mark and off another name', () => {
  // The second mark stands where the first one's name would be; the third on the second.
  const [first, second, third] = placeNames([mark(100, 100), mark(80, 100), mark(81, 101)]);
  expect(first).toBe('middle right');
  expect(second).toBe('middle left');
  expect(third).not.toBe('middle left');
});
