import { expect, it } from 'vitest';
import { bufferSize, withFloor } from './floors.js';
import { timing, type BenchCase, type Ceilings } from './record.js';

// By hand: 2^10 bytes at 256, 512 and 1024 a second are 4, 2 and 1 s; 3000 operations at 1000 a second 3 s, at 3000 one second.
const work = { bytes: 1024, operations: 3000 };
const ceilings: Ceilings = { bandwidth: { 1024: 1024 }, f32: { probe: 900, pytorch: 1000 }, bf16: { probe: 3000 } };
const one: BenchCase = {
  part: 'decode', name: 'a', of: 'step', ...timing([8, 2, 4]), peers: [], targets: [],
  ground: { work, bandwidths: [512, 1024, 256], operations: [3000, 3000, 3000], type: 'bf16', ceilings: 'main', limit: { share: 0.6 } },
}; // prettier-ignore

it('holds each round against what the machine gave in its own seconds', () => {
  const made = withFloor(one, { ceilings });
  expect([made.floor!.seconds, made.floor!.bound, made.floorFloat32!.seconds]).toEqual([2, 'bytes', 3]);
  expect([made.floor!.share, made.floorFloat32!.share]).toEqual([0.5, 1]); // of 2/8, 1/2, 4/4; of 3/8, 3/2, 4/4
  expect(made.targets).toEqual([{ what: 'share of the floor', value: 0.5, limit: 0.6, atLeast: true, met: false }]);
  const slower = { ...one, ground: { ...one.ground!, operations: [3000, 1500, 3000] } }; // 2 s of operations in the second
  expect(withFloor(slower, { ceilings }).floor!.share).toBe(1); // of 2/8, 2/2, 4/4
  const bf16 = { probe: 3000, pytorch: 2000 }; // 1.5 s: that a matrix product has reached
  expect(withFloor(slower, { ceilings: { ...ceilings, bf16 } }).floor!.share).toBe(0.75); // of 2/8, 1.5/2, 4/4
});

it('takes those of AVX2 for its cases, and float32 where there is no dot product of bfloat16', () => {
  const avx2: Ceilings = { bandwidth: { 1024: 256 }, f32: { probe: 500 } }; // 6 s: 6/8, 6/2, 6/4
  const made = withFloor({ ...one, ground: { ...one.ground!, operations: [500, 500, 500], ceilings: 'avx2', limit: { times: 2 } } }, { ceilings, avx2 });
  expect([made.floor!.seconds, made.floorFloat32]).toEqual([6, undefined]);
  expect(made.targets).toEqual([expect.objectContaining({ what: 'times the floor', value: 1 / 1.5, met: true })]);
});

it('has a buffer for each quarter of a power of two', () => {
  expect([1000, 1024, 1200, 4e12].map(bufferSize)).toEqual([1024, 1024, 1218, 2 ** 28]); // 2^10.25 = 1217.7
});
