/** The record as tables: for the terminal, and for README. */
import Table from 'cli-table3';
import { median, type BenchCase, type BenchRecord, type Ceilings, type PeerTiming, type Target } from './record.js';

const head = ['case', 'time', 'spread', 'floor', 'of the floor', 'peers', 'targets'];

/** 3 digits, in the unit that fits. */
export function time(seconds: number): string {
  if (seconds >= 1) return `${digits(seconds)} s`;
  return seconds >= 1e-3 ? `${digits(seconds * 1e3)} ms` : `${digits(seconds * 1e6)} µs`;
}

const digits = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));
const percent = (share: number): string => `${(100 * share).toFixed(share < 0.1 ? 2 : 0)} %`;

/** Half the distance from the fastest to the slowest round, as a share of the median. */
export const spread = ({ rounds, seconds }: BenchCase): string =>
  rounds.length > 1 ? `±${percent((Math.max(...rounds) - Math.min(...rounds)) / 2 / seconds)}` : '';

function share({ floor, floorFloat32 }: BenchCase): string {
  if (!floor) return '';
  return percent(floor.share) + (floorFloat32 ? ` (${percent(floorFloat32.share)} of float32's)` : '');
}

const peer = ({ name, seconds, rounds = [], missing }: PeerTiming): string =>
  `${name}: ${seconds === undefined ? missing : `${time(seconds)} (${rounds.length} round${rounds.length === 1 ? '' : 's'})`}`;

function goal({ what, value, limit, atLeast, met }: Target): string {
  const show = (x: number): string => (what.includes('times') ? x.toPrecision(2) : percent(x));
  return `${met ? 'met' : 'MISSED'}: ${what} ${show(value)} (${atLeast ? '≥' : '≤'} ${show(limit)})`;
}

function figures({ figures: all = {} }: BenchCase): string {
  return Object.entries(all).map(([name, value]) => `; ${name} ${value.toPrecision(3)}`).join('');
}

/** The floor, what decides it, and what the machine gave in the case's seconds. */
function floorText({ floor, ground }: BenchCase): string {
  if (!floor) return '';
  const rate = ground && floor.bound === 'operations' ? `; ${(floor.operations / 1e9).toFixed(0)} GFLOP/s` : '';
  const given = ground ? `; ${(median(ground.bandwidths) / 1e9).toFixed(0)} GB/s` : '';
  const roundTrip = ground?.roundTrips ? `, ${(median(ground.roundTrips) * 1e9).toFixed(0)} ns` : '';
  return `${time(floor.seconds)} (${floor.bound}${rate}${given}${roundTrip})`;
}

/** One row a case. */
export const row = (one: BenchCase): string[] =>
  one.rounds.length === 0
    ? [one.name, 'not measured', '', '', '', '', one.targets.map(goal).join('\n')]
    : [
        one.name + figures(one) + (one.commit ? `; measured again, ${one.commit}` : ''),
        `${time(one.seconds)} a ${one.of}`,
        spread(one),
        floorText(one),
        share(one),
        one.peers.map(peer).join('\n'),
        one.targets.map(goal).join('\n'),
      ];

/** The same for README, where only targets that were missed are named. */
function shortRow(one: BenchCase): string[] {
  const [name, long, around, floor, part, peers] = row(one);
  const missed = one.targets.filter(({ met }) => !met).map((each) => goal(each).replace('MISSED: ', ''));
  return [name, `${long} ${around}`.trim(), floor, part, peers, missed.join('\n') || (one.targets.length > 0 ? 'none' : '')];
}

export function ceilingsText({ ceilings: main, avx2, processor, simd, threads, engine, date, commit }: BenchRecord): string {
  const rate = ({ probe, pytorch }: { probe: number; pytorch?: number }): string =>
    `${(probe / 1e9).toFixed(0)} (probe)${pytorch ? ` and ${(pytorch / 1e9).toFixed(0)} (PyTorch)` : ''} GFLOP/s`;
  const text = (ceilings: Ceilings): string => {
    const sizes = Object.entries(ceilings.bandwidth).map(([bytes, value]) => [Number(bytes), value] as const).sort(([a], [b]) => a - b);
    const read = sizes.map(([bytes, value]) => `${(value / 1e9).toFixed(0)} of ${digits(bytes / 1e6)} MB`).join(', ');
    const bf16 = ceilings.bf16 ? `; bfloat16 dot ${rate(ceilings.bf16)}` : '; no bfloat16 dot';
    return `float32 multiply-adds ${rate(ceilings.f32)}${bf16}; reading, GB/s: ${read}`;
  };
  return [
    `PathPress ${engine} (${commit}), ${simd}, ${threads} threads, ${processor}, ${date.slice(0, 10)}`,
    `Ceilings of the same run: ${text(main)}`,
    ...(avx2 ? [`With AVX2: ${text(avx2)}`] : []),
  ].join('\n');
}

export function terminalTable(cases: readonly BenchCase[]): string {
  const table = new Table({ head, style: { head: [], border: [] } });
  for (const one of cases) table.push(row(one));
  return table.toString();
}

/** For README: a caption, in which what a reader has to know may be left out where it stands above, and a table. */
export function markdown(record: BenchRecord, explained = true): string {
  const line = (cells: string[]): string => `| ${cells.map((cell) => cell.replace(/[^\S\n]+/g, ' ').replaceAll('\n', '<br>').replaceAll('|', '\\|')).join(' | ')} |`;
  const met = record.cases.flatMap(({ targets }) => targets);
  const peers = Object.entries(record.peers).map(([name, version]) => `${name} (${version})`);
  return [
    ...ceilingsText(record).split('\n').map((text) => `${text}.  `),
    `Peers: ${peers.join('; ') || 'none at hand'}. ${explained ? `${caption} ` : ''}${met.filter((one) => one.met).length} of ${met.length} targets are met.`,
    '',
    line(['case', 'time', 'floor', 'of the floor', 'peers', 'targets missed']),
    line(Array.from({ length: 6 }, () => '---')),
    ...record.cases.map((one) => line(shortRow(one))),
  ].join('\n');
}

/** What a reader of either table has to know. */
export const caption =
  'A floor is the larger of bytes over read bandwidth and operations over the multiply-add rate. What a shared machine gives swings with what else it does and where it puts its processors, so each round is held against what was measured right before and after it (the better; the rate is the mean of a tenth of a second, and no less than the best of PyTorch\'s matrix product; beside the floor, with what a cache line takes from one thread to another and back where that was measured), and the share is the median of the rounds\'. Where weights are bfloat16 and the ' +
  "processor has the dot product of it, that rate; of our float32 and bf16 products the faster counts there, and peers are compared with ours of their precision. Times are medians of rounds that take turns with the peers' rounds; spread is half " +
  'the distance from the fastest to the slowest round. Caches of decode steps are filled with noise, ours and the peers\' alike, not by ' +
  'prefill; a step is timed from outside, sampling included.';
