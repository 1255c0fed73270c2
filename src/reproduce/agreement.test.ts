import { describe, expect, it } from 'vitest';
import { checkAgreement } from './agreement.js';

const record = { name: 'r', machine: { processor: 'p', cores: 2, simd: 'avx512' } };

describe('checkAgreement', () => {
  it('wants every value again at the record’s own SIMD level', () => {
    expect(checkAgreement(record, 'a', [1, 0, 1, 9], [1, 0, 1], { simd: 'avx512' })).toBe('a: 3 of 3 as in the record');
    expect(() => checkAgreement(record, 'a', [1, 0, 1], [1, 1, 1], { simd: 'avx512' })).toThrow('sample 1: 1 now, 0 in the record');
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
    expect(() => checkAgreement(record, 'a', [1, 1], [1, Number.NaN], { simd: 'avx512' })).toThrow('NaN');
  });
});
