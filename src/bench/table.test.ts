import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readmeFile, withTable, withTables } from './readme.js';
import { target, timing, type BenchCase, type BenchRecord } from './record.js';
import { caption, markdown, row, spread, time } from './table.js';

const floor = { seconds: 0.005, share: 0.5, bytes: 5, operations: 1, bandwidth: 1000, bound: 'bytes' as const };

const one: BenchCase = {
  part: 'decode',
  name: 'decode, 1B, batch 1, 512 entries',
  of: 'step',
  ...timing([0.011, 0.009, 0.01]),
  ground: { work: { bytes: 5, operations: 1 }, bandwidths: [6e10, 5e10, 4e10], operations: [1e12, 1e12, 1e12], roundTrips: [9e-8, 4e-7, 1e-7], type: 'bf16', ceilings: 'main', limit: { share: 0.85 } },
  floor: { ...floor, operations: 1 },
  floorFloat32: { ...floor, seconds: 0.006, share: 0.6 },
  peers: [
    { name: 'transformers, bfloat16', ...timing([0.02]) },
    { name: 'llama.cpp', missing: 'Python lacks llama_cpp or gguf' },
  ],
  targets: [target('share of the floor', 0.5, true, 0.85), target('times as fast as transformers, bfloat16', 2, true, 1)],
  figures: { gain: 1.234 },
};

const record: BenchRecord = {
  date: '2026-11-25T10:00:00.000Z',
  commit: 'abcdef0',
  engine: '0.1.0',
  processor: 'A processor',
  cores: 2,
  threads: 2,
  simd: 'avx512',
  quick: false,
  ceilings: { bandwidth: { '1000000000': 5e10, '4000000': 1e11 }, f32: { probe: 5e11, pytorch: 2e11 }, bf16: { probe: 1e12 } },
  peers: { 'transformers, bfloat16': 'transformers 5, PyTorch 2' },
  shapes: {},
  cases: [one],
};

describe('timing', () => {
  it('is the median, the mean of two in the middle where their number is even', () => {
    expect(timing([3, 1, 2]).seconds).toBe(2);
    expect(timing([4, 1, 3, 2]).seconds).toBe(2.5);
  });
});

describe('target', () => {
  it('is met at its limit, from above or below', () => {
    expect([target('', 0.85, true, 0.85).met, target('', 0.849, true, 0.85).met]).toEqual([true, false]);
    expect([target('', 0.01, false, 0.01).met, target('', 0.011, false, 0.01).met]).toEqual([true, false]);
  });
});

describe('table', () => {
  it('shows times in the unit that fits', () => {
    expect([2.5, 0.0123, 0.000456, 123].map(time)).toEqual(['2.50 s', '12.3 ms', '456 µs', '123 s']);
  });

  it('spreads half the distance from fastest to slowest', () => {
    expect(spread(one)).toBe('±10 %');
    expect(spread({ ...one, ...timing([1]) })).toBe('');
  });

  it('has a row of a case', () => {
    expect(row(one)).toEqual([
      'decode, 1B, batch 1, 512 entries; gain 1.23',
      '10.0 ms a step',
      '±10 %',
      '5.00 ms (bytes; 50 GB/s, 100 ns)',
      "50 % (60 % of float32's)",
      'transformers, bfloat16: 20.0 ms (1 round)\nllama.cpp: Python lacks llama_cpp or gguf',
      'MISSED: share of the floor 50 % (≥ 85 %)\nmet: times as fast as transformers, bfloat16 2.0 (≥ 1.0)',
    ]);
  });

  it('says in README what was measured with what, and what could not run', () => {
    const failed = { ...one, name: 'it failed', rounds: [], targets: [target('of the case ended', 0, true, 1)] };
    const text = markdown({ ...record, cases: [one, { ...one, name: 'no such model', rounds: [], targets: [] }, failed] });
    expect(text).toContain('PathPress 0.1.0 (abcdef0), avx512, 2 threads, A processor, 2026-11-25');
    expect(text).toContain('float32 multiply-adds 500 (probe) and 200 (PyTorch) GFLOP/s; bfloat16 dot 1000 (probe) GFLOP/s');
    expect(text).toContain('reading, GB/s: 100 of 4.00 MB, 50 of 1000 MB');
    expect(text).toContain('transformers, bfloat16 (transformers 5, PyTorch 2)');
    expect(text).toContain('1 of 3 targets are met');
    expect(text).toContain(caption);
    expect(markdown(record, false)).not.toContain(caption);
    expect(text.split('\n').filter((line) => line.startsWith('| decode'))).toEqual([
      "| decode, 1B, batch 1, 512 entries; gain 1.23 | 10.0 ms a step ±10 % | 5.00 ms (bytes; 50 GB/s, 100 ns) | 50 % (60 % of float32's) " +
        '| transformers, bfloat16: 20.0 ms (1 round)<br>llama.cpp: Python lacks llama_cpp or gguf | share of the floor 50 % (≥ 85 %) |',
    ]);
    const bound = { ...one, floor: { ...floor, operations: 4.4e11, bound: 'operations' as const } };
    expect(markdown({ ...record, cases: [bound] })).toContain('| 5.00 ms (operations; 440 GFLOP/s; 50 GB/s, 100 ns) |');
    expect(text).toContain('| no such model | not measured |  |  |  |  |');
    expect(text).toMatch(/\| it failed \| not measured \|.*\| of the case ended 0\.00 % \(≥ 100 %\) \|/);
    const avx2 = { bandwidth: { '1000000000': 4e10 }, f32: { probe: 3e11 } };
    expect(markdown({ ...record, avx2 })).toContain('With AVX2: float32 multiply-adds 300 (probe) GFLOP/s; no bfloat16 dot; reading, GB/s: 40 of 1000 MB');
  });
});

describe('README', () => {
  it('has what stands between two markers replaced', () => {
    const text = 'a\n<!-- bench -->\nold\n<!-- /bench -->\nb\n<!-- bench-avx2 -->\n<!-- /bench-avx2 -->';
    expect(withTable(text, 'bench', 'new')).toBe(text.replace('old', 'new'));
    expect(withTable(text, 'bench-avx2', 'x')).toBe(text.replace('avx2 -->\n', 'avx2 -->\nx\n'));
    expect(() => withTable('a', 'bench', 'new')).toThrow('README.md has no <!-- bench -->');
  });

  it('shows the records of the bench as they are (node dist/bench/readme.js)', () => {
    const readme = readFileSync(readmeFile, 'utf8');
    expect(readme === withTables(readme)).toBe(true);
  });
});
