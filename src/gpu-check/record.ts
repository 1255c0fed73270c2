/** The record of a GPU: what was measured, each figure beside its floor, and the targets. */
import { PathPressError } from '../engine/errors.js';
import { target, type Target } from '../bench/record.js';
import { reported as paper, type PaperCell } from '../paper/reported.js';
import { closedForm } from '../policies/closed-form.js';
import { settlePolicy } from '../policies/settle.js';
import { publishedName } from '../predict/measured.js';
import type { Policy } from '../policies/policy.js';
import { linesOf, type LargestLine, type Line, type LineOf, type Operation } from './lines.js';
import { runSeconds } from './throughput.js';

export interface Throughput extends PaperCell {
  tokensPerSecond: number;
  /** Of the time, what compressions took. */
  compressionShare: number;
}

export interface LargestBatch {
  method: string;
  batch: number;
  /** From the steps below, and from compressions that were measured at batch 16 and scaled. */
  tokensPerSecond: number;
  /** What was measured at that batch; missing in records of before 2026-11-27. */
  steps?: { entries: number; seconds: number }[];
}

/** What a record says of its making; of a run elsewhere (`--from`), where it was read. */
interface Made {
  date: string;
  /** The checkout's; missing, as the engine's version, in records of before 2026-11-27. */
  commit?: string;
  engine?: string;
}

export interface GpuRecord extends Made {
  /** As the driver names it. */
  device: string;
  driver: string;
  runtime: string;
  processors: number;
  clockKilohertz: number;
  memoryClockKilohertz: number;
  memoryBytes: number;
  ceilings: { readBytesPerSecond: number; copyBytesPerSecond: number; matrixRate: number; launchGapSeconds: number };
  shape: Omit<LineOf<'shape'>, 'part'>;
  products: Omit<LineOf<'product'>, 'part'>[];
  attention: Omit<LineOf<'attention'>, 'part'>[];
  /** Norms, the preparation of heads and the draw of tokens, by rows. */
  rest: Omit<LineOf<'rest'>, 'part'>[];
  steps: Omit<LineOf<'step'>, 'part'>[];
  compressions: Omit<LineOf<'compression'>, 'part'>[];
  memory?: { modelBytes: number; cacheBytes: number; usedBytes: number };
  /** Cells of the paper's grid, from steps and compressions measured above. */
  throughput: Throughput[];
  largest: LargestBatch[];
  operations: Operation[];
  targets: Target[];
}

export const promptTokens = 128;
const window = 32;
const longest = 32768;

const methods: { method: string; interval: number; policy: Policy }[] = [
  { method: 'Full KV', interval: 0, policy: settlePolicy('full') },
  ...[1024, 4096].map((interval) => ({ method: `RPC P=${interval}`, interval, policy: settlePolicy('rpc', { interval, window, ratio: 4 }) })),
];

const without = <T extends { part: string }>({ part: _part, ...rest }: T): Omit<T, 'part'> => rest;

function throughputOf(lines: Line[]): Throughput[] {
  const steps = linesOf(lines, 'step');
  const model = linesOf(lines, 'shape')[0]!.name;
  const batches = [8, 16, 32].filter((batch) => steps.filter((one) => one.batch === batch).length > 1);
  return methods.flatMap(({ method, interval, policy }) => {
    const events = linesOf(lines, 'compression').filter((one) => one.interval === interval);
    return batches.flatMap((batch) => {
      const most = Math.max(...steps.filter((one) => one.batch === batch).map(({ entries }) => entries));
      return [4096, 8192, 16384, 32768].flatMap((length) => {
        const { peak, compressions } = closedForm(policy, promptTokens, length);
        // Nothing is said of lengths far beyond those that were measured.
        if (peak > 1.05 * most || (compressions.length > 0 && events.length < 2)) return [];
        const { decode, compression } = runSeconds(policy, batch, promptTokens, length, steps, events);
        const tokensPerSecond = (batch * (length - 1)) / (decode + compression);
        return [{ model, method, batch, length, tokensPerSecond, compressionShare: compression / (decode + compression) }];
      });
    });
  });
}

function largestOf(lines: Line[]): LargestBatch[] {
  const all = linesOf(lines, 'largest');
  return methods.flatMap(({ method, interval, policy }) => {
    const own = all.filter((one: LargestLine) => one.interval === interval);
    if (own.length === 0) return [];
    const batch = own[0]!.batch;
    const measured = own.map(({ entries, seconds }) => ({ entries, seconds }));
    const steps = measured.map((one) => ({ part: 'step' as const, batch, ...one, bytes: 1 }));
    const events = linesOf(lines, 'compression').filter((one) => one.interval === interval);
    const { decode, compression } = runSeconds(policy, batch, promptTokens, longest, steps, events);
    return [{ method, batch, tokensPerSecond: (batch * (longest - 1)) / (decode + compression), steps: measured }];
  });
}

/** The paper's figures for batch 16 and 32K outputs on an H100, tokens a second. */
export interface Reported {
  full: number;
  rpc4096: number;
}

export function reportedRates(): Reported {
  const of = (method: string): number =>
    paper().throughputGrid.find((one) => one.model === 'R1-Distill-Qwen-7B' && one.method === method && one.batch === 16 && one.length === longest)!.tokensPerSecond!;
  return { full: of('Full KV'), rpc4096: of('RPC P=4096') };
}

export function targetsOf(record: Omit<GpuRecord, 'targets'>, reported: Reported): Target[] {
  if (record.memoryBytes === 0) return []; // an emulation's figures say nothing
  const { readBytesPerSecond } = record.ceilings;
  const all: Target[] = [];
  const shares = (batch: number, from: number) =>
    record.steps.filter((one) => one.batch === batch && one.entries >= from).map(({ bytes, seconds }) => bytes / readBytesPerSecond / seconds);
  for (const [batch, from, limit] of [[1, 0, 0.75], [16, 4096, 0.8], [32, 4096, 0.8], [64, 4096, 0.8]] as const) {
    const found = shares(batch, from);
    if (found.length > 0) all.push(target(`step of ${batch}${from ? `, ${from} entries and more` : ''}: least share of the floor`, Math.min(...found), true, limit));
  }
  const cell = (method: string) => record.throughput.find((one) => one.method === method && one.batch === 16 && one.length === longest);
  const [full, often, seldom] = methods.map(({ method }) => cell(method));
  const paper = publishedName(record.device) === 'H200' ? { full: 5, rpc: 5 } : { full: 4, rpc: 3.5 };
  if (full) all.push(target("full, batch 16, 32K: times the paper's", full.tokensPerSecond / reported.full, true, paper.full));
  if (seldom) all.push(target("RPC P=4096, batch 16, 32K: times the paper's", seldom.tokensPerSecond / reported.rpc4096, true, paper.rpc));
  for (const [name, one, limit] of [['P=1024', often, 0.01], ['P=4096', seldom, 0.005]] as const) {
    if (!one || !full) continue;
    all.push(target(`RPC ${name} over full, batch 16, 32K: times`, one.tokensPerSecond / full.tokensPerSecond, true, 1.4));
    all.push(target(`compressions of RPC ${name}, batch 16, 32K: share of the time`, one.compressionShare, false, limit));
  }
  const [fullBest, rpcBest] = ['Full KV', 'RPC P=1024'].map((name) => record.largest.find(({ method }) => method === name));
  if (fullBest && rpcBest) {
    const name = `RPC P=1024 at ${rpcBest.batch} sequences over full at ${fullBest.batch}, the most that fit (above 64 whole 64s): times`;
    all.push(target(name, rpcBest.tokensPerSecond / fullBest.tokensPerSecond, true, 2.5));
  }
  const peak = (policy: Policy) => closedForm(policy, promptTokens, longest).peak;
  all.push(target("RPC P=1024's peak cache as a share of full's, 32K", peak(methods[1]!.policy) / peak(methods[0]!.policy), false, 0.35));
  if (record.operations.length > 0) {
    const wrong = record.operations.filter(({ value, bound }) => !(value <= bound)).length;
    all.push(target('operations beyond their bound', wrong, false, 0));
  }
  return all;
}

/**
 * @param made when, and by which version and commit
 * @throws PathPressError BAD_FILE where there is no device, shape or ceiling among the lines, or where no operation of a GPU
 *   was held against the CPU: a record without any would read as if all had held
 */
export function makeRecord(lines: Line[], operations: Operation[], reported: Reported, made: Required<Made>): GpuRecord {
  const ceiling = (name: string): number => {
    const found = linesOf(lines, 'ceiling').find((one) => one.name === name);
    if (!found) throw new PathPressError('BAD_FILE', `no ceiling "${name}" was measured`);
    return found.rate;
  };
  const device = linesOf(lines, 'device')[0];
  const shape = linesOf(lines, 'shape')[0];
  if (!device || !shape) throw new PathPressError('BAD_FILE', `no ${device ? 'shape' : 'device'} was named`);
  if (device.bytes > 0 && operations.length === 0) throw new PathPressError('BAD_FILE', `${device.name}: no operation was held against the CPU engine`);
  const memory = linesOf(lines, 'memory')[0];
  const record: Omit<GpuRecord, 'targets'> = {
    ...made,
    device: device.name,
    driver: device.driver,
    runtime: device.runtime,
    processors: device.processors,
    clockKilohertz: device.clockKilohertz,
    memoryClockKilohertz: device.memoryClockKilohertz,
    memoryBytes: device.bytes,
    ceilings: {
      readBytesPerSecond: ceiling('read'),
      copyBytesPerSecond: ceiling('copy'),
      matrixRate: ceiling('mma.sync bf16'),
      launchGapSeconds: ceiling('launch in a graph'),
    },
    shape: without(shape),
    products: linesOf(lines, 'product').map(without),
    attention: linesOf(lines, 'attention').map(without),
    rest: linesOf(lines, 'rest').map(without),
    steps: linesOf(lines, 'step').map(without),
    compressions: linesOf(lines, 'compression').map(without),
    ...(memory && { memory: without(memory) }),
    throughput: throughputOf(lines),
    largest: largestOf(lines),
    operations,
  };
  return { ...record, targets: targetsOf(record, reported) };
}
