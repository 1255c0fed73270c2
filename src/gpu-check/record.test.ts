import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../package.js';
import { parseGpuRecord } from '../predict/measured.js';
import { parseLine, readOperations, type Line } from './lines.js';
import { makeRecord, reportedRates, targetsOf, type GpuRecord } from './record.js';
import { recordTables } from './table.js';

const paper = { full: 340, rpc4096: 570 };
const today = { date: 'today', commit: 'abc1234', engine: '0.2.0' };
const held = [{ name: 'a', measure: 'nmse', value: 0, bound: 1 }];

/** A card that reads 1 TB/s, whose steps take 1 ms and 1 µs an entry, and whose compressions take 10 µs a sequence and entry. */
function made(device = 'NVIDIA H100'): Line[] {
  const lines: unknown[] = [
    { part: 'device', name: device, driver: '13.0', runtime: '13.0', processors: 132, clockKilohertz: 1, memoryClockKilohertz: 1, bytes: 8e10, cacheBytes: 1 },
    { part: 'ceiling', name: 'read', unit: 'bytes/s', rate: 1e12 },
    { part: 'ceiling', name: 'copy', unit: 'bytes/s', rate: 1e12 },
    { part: 'ceiling', name: 'mma.sync bf16', unit: 'operations/s', rate: 1e14 },
    { part: 'ceiling', name: 'launch in a graph', unit: 's', rate: 1e-6 },
    { part: 'shape', name: 'R1-Distill-Qwen-7B', weightBytes: 1, modelBytes: 1, entryBytes: 1 },
    ...[1, 32768].map((entries) => ({ part: 'step', batch: 16, entries, seconds: 1e-3 + entries * 1e-6, hostSeconds: entries * 1e-8, bytes: 0.9e9 + entries * 0.9e6 })),
    ...[1024, 4096].flatMap((interval) => [1, 20000].map((entries) => ({
      part: 'compression', policy: 'rpc', interval, event: 0, batch: 16, entries, candidates: 1, staying: 1, seconds: 16 * entries * 1e-5, hostSeconds: 0, bytes: 1,
    }))),
  ];
  return lines.map((one, i) => parseLine(JSON.stringify(one), `line ${i}`));
}

const missed = (lines: Line[], tests = 'operation a: wrong 0 (bound 0)'): string[] =>
  makeRecord(lines, readOperations(tests), paper, today).targets.filter(({ met }) => !met).map(({ what }) => what);

describe('record of a GPU', () => {
  // By hand: 16 · 32767 tokens in the sum over entries 129 … 32895 of 1 ms + 1 µs an entry.
  it('has the full cache’s tokens a second', () => {
    const cell = makeRecord(made(), held, paper, today).throughput.find(({ method, length }) => method === 'Full KV' && length === 32768);
    const seconds = 32767 * 1e-3 + ((129 + 32895) / 2) * 32767 * 1e-6;
    expect(cell!.tokensPerSecond).toBeCloseTo((16 * 32767) / seconds, 6);
    expect(cell!.compressionShare).toBe(0);
  });

  // By hand: 914 tokens/s of the full cache are 2.7 times 340, RPC's 2,100 or so 3.7 times 570.
  it('tells targets that are met from those that are missed', () => {
    expect(missed(made()).sort()).toEqual([
      'compressions of RPC P=1024, batch 16, 32K: share of the time',
      'compressions of RPC P=4096, batch 16, 32K: share of the time',
      "full, batch 16, 32K: times the paper's",
    ]);
    const slow = made().map((one) => (one.part === 'step' ? { ...one, seconds: 2 * one.seconds } : one));
    expect(missed(slow)).toContain('step of 16, 4096 entries and more: least share of the floor');
  });

  it('counts operations beyond their bound, of a name the worst', () => {
    const tests = 'operation a: nmse 1e-9 (bound 1e-7)\noperation a: nmse 1e-6 (bound 1e-7)\noperation b: wrong 0 (bound 0)\nelse\noperation c: nmse nan (bound 1)';
    expect(readOperations(tests).map(({ name, value }) => [name, value])).toEqual([['a', 1e-6], ['b', 0], ['c', NaN]]);
    expect(missed(made(), tests)).toContain('operations beyond their bound');
  });

  it('is refused where no operation of a GPU was held against the CPU', () => {
    expect(() => makeRecord(made(), readOperations(''), paper, today)).toThrow('NVIDIA H100: no operation was held against the CPU engine');
  });

  it('says by which version and commit it was made', () => {
    expect(makeRecord(made(), held, paper, today)).toMatchObject(today);
  });

  it('names what was not measured', () => {
    expect(() => makeRecord(made().filter((one) => one.part !== 'ceiling'), held, paper, today)).toThrow('no ceiling "read" was measured');
    expect(() => makeRecord(made().filter((one) => one.part !== 'shape'), held, paper, today)).toThrow('no shape was named');
    expect(() => parseLine('{"part":"step","batch":1,"entries":2,"seconds":-1,"bytes":1}', 'bench.jsonl:7')).toThrow(/bench\.jsonl:7.*seconds/s);
  });

  const emulated = join(packageRoot, 'build', 'native', 'cuda_bench_emulated');
  it.skipIf(!existsSync(emulated))('runs to its end in emulation, tables and all (needs a build that emulates)', () => {
    const text = execFileSync(emulated, ['--shape', 'tiny', 'ceilings', 'steps', 'compression', 'largest'], { encoding: 'utf8' });
    const lines = text.trimEnd().split('\n').map((line, i) => parseLine(line, `line ${i + 1}`));
    const record = makeRecord(lines, [], paper, today);
    expect(record.steps).toHaveLength(2);
    expect(record.largest.every(({ steps }) => steps!.length > 0)).toBe(true); // its figure can be worked out again
    expect(record.targets).toEqual([]);
    expect(recordTables(record)).toContain('decode step');
    expect(recordTables(record)).toContain('the host begins a step in');
  }, 60_000);
});

const folder = join(packageRoot, 'data', 'records', 'gpu');
it.each(readdirSync(folder))('%s holds the targets that its own numbers make, and ceilings for predictions', (name) => {
  const record = JSON.parse(readFileSync(join(folder, name), 'utf8')) as GpuRecord;
  expect(targetsOf(record, reportedRates())).toEqual(record.targets);
  expect(parseGpuRecord(record, name).throughput).toHaveLength(record.throughput.length);
});
