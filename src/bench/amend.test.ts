import { expect, it } from 'vitest';
import { amended, checkAmendable } from './amend.js';
import { alike } from './ceilings.js';
import type { BenchCase, BenchRecord } from './record.js';

const one = (name: string, seconds: number): BenchCase => ({ part: 'decode', name, of: 'step', seconds, rounds: [seconds], peers: [], targets: [] });
const record: BenchRecord = {
  date: '', commit: 'old', engine: '', processor: 'A', cores: 2, threads: 2, simd: 'avx2', quick: false,
  ceilings: { bandwidth: {}, f32: { probe: 1 } }, peers: {}, shapes: {}, cases: [one('a, float32 products', 1), one('b', 2), one('c', 3)],
}; // prettier-ignore

it('puts what was measured again in its place, whichever products were faster, with its commit', () => {
  const failed: BenchCase = { ...one('b', 0), rounds: [] };
  const fresh: BenchRecord = { ...record, commit: 'new', cases: [one('a, bf16 products', 4), failed, one('c', 5), one('c 2', 6)] };
  const { commit, cases } = amended(record, fresh);
  expect(commit).toBe('old');
  expect(cases.map(({ name, seconds, commit: own }) => [name, seconds, own])).toEqual([
    ['a, bf16 products', 4, 'new'],
    ['b', 2, undefined],
    ['c', 5, 'new'],
    ['c 2', 6, 'new'],
  ]);
});

it('refuses another machine', () => {
  checkAmendable(record, { ...record });
  expect(() => checkAmendable(record, { ...record, processor: 'B' })).toThrow("the record's processor is A, this run's B");
});

it('tells processors on one chiplet from those on two', () => {
  expect([alike({ roundTrip: 6e-8 }, { roundTrip: 9e-8 }), alike({ roundTrip: 6e-8 }, { roundTrip: 3.2e-7 }), alike({}, {})]).toEqual([true, false, true]);
});
