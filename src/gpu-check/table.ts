/** A record as tables for the terminal. */
import Table from 'cli-table3';
import { time } from '../bench/table.js';
import type { GpuRecord } from './record.js';

const percent = (share: number): string => `${(100 * share).toFixed(share < 0.1 ? 2 : 0)} %`;
const digits = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

function table(head: string[], rows: string[][]): string {
  const made = new Table({ head, style: { head: [], border: [] } });
  made.push(...rows);
  return made.toString();
}

export function recordTables(record: GpuRecord): string {
  const { ceilings } = record;
  const share = (bytes: number, seconds: number): string => percent(bytes / ceilings.readBytesPerSecond / seconds);
  const tables = [
    `${record.device}, driver for CUDA ${record.driver}; reads ${digits(ceilings.readBytesPerSecond / 1e9)} GB/s, copies ` +
      `${digits(ceilings.copyBytesPerSecond / 1e9)} GB/s, mma.sync ${digits(ceilings.matrixRate / 1e12)} TFLOP/s bf16`,
  ];
  if (record.products.length > 0) {
    const tokens = [...new Set(record.products.map((one) => one.tokens))];
    const names = [...new Set(record.products.map(({ name }) => name))];
    const cell = (name: string, count: number): string => {
      const one = record.products.find((each) => each.name === name && each.tokens === count);
      if (!one) return '';
      const floor = Math.max(one.bytes / ceilings.readBytesPerSecond, one.operations / ceilings.matrixRate);
      return `${time(one.seconds)}, ${percent(floor / one.seconds)}`;
    };
    tables.push(table(['product, share of the floor', ...tokens.map((count) => `${count} tokens`)], names.map((name) => [name, ...tokens.map((count) => cell(name, count))])));
  }
  const lengths = (title: string, rows: { batch: number; entries: number; seconds: number; bytes: number }[]): void => {
    if (rows.length === 0) return;
    tables.push(table([title, 'batch', 'entries', 'time', 'of the floor'], rows.map((one) => ['', String(one.batch), one.entries.toFixed(0), time(one.seconds), share(one.bytes, one.seconds)])));
  };
  lengths('attention of a layer', record.attention);
  if (record.rest.length > 0) {
    tables.push(table(['the rest of a step', 'rows', 'time'], record.rest.map((one) => [one.name, String(one.rows), time(one.seconds)])));
  }
  lengths('decode step', record.steps);
  const host = record.steps.flatMap(({ hostSeconds = [] }) => hostSeconds);
  if (host.length > 0) tables.push(`the host begins a step in ${time(Math.max(...host))} at most, beside the GPU`);
  if (record.compressions.length > 0) {
    const rows = record.compressions.map((one) => [`RPC P=${one.interval}`, String(one.batch), String(one.entries), String(one.staying), time(one.seconds), share(one.bytes, one.seconds)]);
    tables.push(table(['compression', 'batch', 'entries', 'left', 'time', 'of the floor'], rows));
  }
  if (record.throughput.length > 0) {
    const rows = record.throughput.map((one) => [one.method, String(one.batch), String(one.length), digits(one.tokensPerSecond), percent(one.compressionShare)]);
    tables.push(table(['whole outputs', 'batch', 'tokens', 'tokens/s', 'in compressions'], rows));
  }
  if (record.largest.length > 0) {
    tables.push(table(['largest batch, 32K', 'sequences', 'tokens/s'], record.largest.map((one) => [one.method, String(one.batch), digits(one.tokensPerSecond)])));
  }
  if (record.memory) {
    const { modelBytes, cacheBytes, usedBytes } = record.memory;
    tables.push(`memory: ${digits(usedBytes / 1e9)} GB = weights ${digits(modelBytes / 1e9)} + cache ${digits(cacheBytes / 1e9)} + ${digits((usedBytes - modelBytes - cacheBytes) / 1e9)} GB`);
  }
  if (record.operations.length > 0) {
    const wrong = record.operations.filter(({ value, bound }) => !(value <= bound));
    tables.push(`operations against the CPU engine: ${record.operations.length}, ${wrong.length} beyond their bound${wrong.map(({ name }) => `\n  ${name}`).join('')}`);
  }
  const goals = record.targets.map(({ what, value, limit, atLeast, met }) => {
    const show = (x: number): string => (what.includes('share') ? percent(x) : digits(x));
    return [met ? 'met' : 'MISSED', what, `${show(value)} (${atLeast ? '≥' : '≤'} ${show(limit)})`];
  });
  if (goals.length > 0) tables.push(table(['target', '', ''], goals));
  return tables.join('\n');
}
