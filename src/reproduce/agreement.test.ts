import { describe, expect, it } from 'vitest';
import { checkAgreement } from './agreement.js';

const record = { name: 'r', engine: '0.0.1', machine: { processor: 'p', cores: 2, simd: 'avx512' } };

describe('checkAgreement', () => {
  it('wants every value again with the record’s own engine and SIMD level', () => {
    expect(checkAgreement(record, 'a', [1, 0, 1, 9], [1, 0, 1], { simd: 'avx512', engine: '0.0.1' })).toBe('a: 3 of 3 as in the record');
    expect(() => checkAgreement(record, 'a', [1, 0, 1], [1, 1, 1], { simd: 'avx512', engine: '0.0.1' })).toThrow('sample 1: 1 now, 0 in the record');
  });

  it('takes turned tokens of another engine, not another mean', () => {
    const other = { simd: 'avx512', engine: '0.0.2' };
    expect(checkAgreement(record, 'a', [1, 0, 1, 0], [1, 1, 0, 0], other)).toContain('2 of 4');
    expect(() => checkAgreement(record, 'a', [1, 1], [2, 2], other)).toThrow('on average');
  });

  it('takes turned tokens at another level, not another mean', () => {
    expect(checkAgreement(record, 'a', [1, 0, 1, 0], [1, 1, 0, 0], { simd: 'avx2' })).toContain('2 of 4');
    // By hand: differences −1 in 7 of 8, mean −0.875, standard error 0.125: seven errors off.
    expect(() => checkAgreement(record, 'a', [1, 1, 1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0, 0, 0], { simd: 'avx2' })).toThrow('on average');
    expect(() => checkAgreement(record, 'a', [1, 1], [2, 2], { simd: 'avx2' })).toThrow('on average');
  });

  it('refuses values that the record does not have, and none', () => {
    expect(() => checkAgreement(record, 'a', [1], [1, 1], { simd: 'avx2' })).toThrow(expect.objectContaining({ code: 'RECORD_MISMATCH' }));
    expect(() => checkAgreement(record, 'a', [1], [], { simd: 'avx2' })).toThrow('0 values');
    expect(() => checkAgreement(record, 'a', [1, 1], [1, Number.NaN], { simd: 'avx512', engine: '0.0.1' })).toThrow('NaN');
  });
});
