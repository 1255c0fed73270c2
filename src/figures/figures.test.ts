import { expect, it, vi } from 'vitest';
import { reported } from '../paper/reported.js';
import { ablationFigure } from './ablation.js';
import { accuracyCostFigure } from './accuracy-cost.js';
import { accuracyFigure } from './accuracy.js';
import { bytesSavedFigure } from './bytes-saved.js';
import { capacityFigure } from './capacity.js';
import { compressionsFigure } from './compressions.js';
import type { Figure } from './figure.js';
import { gpuPredictionFigure } from './gpu-prediction.js';
import { lengthsFigure } from './lengths.js';
import { modelArmsFigure, modelDifferencesFigure } from './model-dots.js';
import { paperAccuracyFigure } from './paper-accuracy.js';
import { modelMemoryGrid, paperMemoryFigure } from './paper-memory.js';
import { redundancyFigure } from './redundancy.js';
import { redundancyPoliciesFigure } from './redundancy-policies.js';
import { redundancyThresholdFigure } from './redundancy-threshold.js';
import { replayLossFigure } from './replay-loss.js';
import { rivalLossFigure } from './rival-loss.js';
import { rivalsFigure } from './rivals.js';
import { sawtoothFigure } from './sawtooth.js';
import { solvedCostFigure } from './solved-cost.js';
import { sparsityFigure } from './sparsity.js';
import { sparsityPairedFigure } from './sparsity-paired.js';
import { around, describeFigures, text } from './testing.js';
import { throughputFigure } from './throughput.js';

vi.setConfig({ testTimeout: 180_000 });

const models = [
  { name: 'QwQ-32B', kind: 'reasoning' },
  { name: 'Qwen3-30B-A3B, thinking', kind: 'reasoning' },
  { name: 'Qwen3-30B-A3B, not thinking', kind: 'non-reasoning' },
  { name: 'LongWriter-9B', kind: 'non-reasoning' },
] as const;
const policies = ['full', 'rpc', 'recency', 'random-persistent', 'random-redraw'];
const lengths = [512, 1024, 2048, 4096];

const examples: Record<string, () => Figure> = {
  sparsity: () =>
    sparsityFigure(
      [1, 2, 3].flatMap((n) => [
        ...models.map((model, m) => ({
          ...model, n, points: lengths.map((x, i) => ({ x, ...around(5 + n + 0.5 * i + 0.2 * m, 0.15), share: 1 - 0.22 * i - 0.05 * m })),
        })),
        { name: 'LongWriter-8B (paper)', kind: 'non-reasoning' as const, source: 'paper' as const, n, points: lengths.slice(1).map((x, i) => ({ x, mean: 6.9 + n + 0.4 * i })) },
      ]),
      text,
    ),
  'sparsity-paired': () =>
    sparsityPairedFigure(
      ['Qwen3, thinking − not thinking', 'QwQ-32B − GPT-4.1', 'reasoner − writer'].flatMap((label, k) =>
        [512, 1024].map((length, i) => ({ label, length, pairs: 15 - k - i, reach: [0.97, 0.22] as [number, number], ...around(0.4 - 0.3 * k + 0.1 * i, 0.2) })),
      ),
      'difference of 3-gram entropy (bits)',
      text,
    ),
  redundancy: () =>
    redundancyFigure(
      [1, 2, 4].flatMap((moreThan) => [
        ...models.map((model, m) => ({ ...model, moreThan, ...around(0.65 - 0.1 * moreThan - 0.08 * m, 0.05) })),
        { name: 'R1-Distill-Qwen-7B', kind: 'reasoning' as const, source: 'paper' as const, moreThan, mean: 0.7 - 0.1 * moreThan },
      ]),
      text,
    ),
  'redundancy-threshold': () =>
    redundancyThresholdFigure(
      ['minilm', 'use', 'static', 'lexical'].flatMap((embedder, e) =>
        models.map((model, m) => ({ ...model, embedder, points: [0.5, 0.6, 0.7, 0.8, 0.9].map((x) => ({ x, ...around(1.3 - x - 0.05 * m - 0.05 * e, 0.03) })) })),
      ),
      text,
    ),
  'redundancy-policies': () =>
    redundancyPoliciesFigure(
      policies.flatMap((policy, p) => [1, 2, 4].map((moreThan) => ({ policy, moreThan, ...around(0.7 - 0.08 * p - 0.05 * moreThan, 0.04) }))),
      text,
      [1, 2, 4].flatMap((moreThan) => [{ policy: 'full', moreThan, mean: 0.75 - 0.1 * moreThan }, { policy: 'rpc', moreThan, mean: 0.4 - 0.08 * moreThan }]),
    ),
  accuracy: () =>
    accuracyFigure(
      ['loops', 'chains', 'passcode'].flatMap((task, t) => [
        { task, policy: 'full', setting: 'full cache', ...around(0.96, 0.03) },
        ...['P = 128, c = 4', 'P = 256, c = 4', 'P = 128, c = 8'].flatMap((setting, s) =>
          policies.slice(1).map((policy, p) => ({ task, policy, setting, ...around(0.8 - 0.15 * p + 0.05 * s - 0.02 * t, 0.06) })),
        ),
      ]),
      text,
    ),
  'accuracy-cost': () =>
    accuracyCostFigure(
      ['loops', 'chains'].flatMap((task) => policies.flatMap((policy, p) => (p === 0 ? [1000] : [150, 240, 420]).map((cost, i) => ({ task, policy, cost, ...around(0.9 - 0.15 * p + 0.05 * i, 0.05) })))),
      'mean entries held',
      text,
    ),
  rivals: () =>
    rivalsFigure(
      ['loops', 'chains'].flatMap((task) =>
        ['full', 'rpc', 'h2o', 'r-kv'].flatMap((policy, p) =>
          [true, false].flatMap((pinned) => (p === 0 ? (pinned ? [1000] : []) : [150, 420]).map((cost, i) => ({ task, policy, pinned, published: pinned === p < 2, cost, ...around(0.9 - 0.13 * p + 0.05 * i, 0.05) }))),
        ),
      ),
      'mean bytes held (KiB)',
      text,
    ),
  'solved-cost': () =>
    solvedCostFigure(
      ['loops', 'chains', 'passcode'].flatMap((task, t) => [
        { task, policy: 'full', row: 'full', budget: 'all', cost: 700 },
        ...['h2o', 'r-kv', 'lazy-eviction'].flatMap((policy, p) =>
          ['pinned', 'not pinned'].flatMap((how, h) => [180, 390, 640].map((keep, k) => ({ task, policy, row: `${policy}, ${how}`, budget: String(keep), cost: k + p < t + h ? null : 9000 / (1 + k + p) }))),
        ),
      ]),
      'MiB × steps',
      text,
    ),
  'rival-loss': () =>
    rivalLossFigure(
      ['RPC, pinned', 'RPC, not pinned', 'H2O, not pinned'].flatMap((row, r) => [
        ...['loops', 'chains', 'passcode'].map((series, s) => ({ row, series, source: 'ours' as const, ...around(-0.1 - 0.2 * r - 0.1 * s, 0.1) })),
        ...(r === 1 ? [] : ['R1-Qwen-7B, AIME 2024', 'QwQ-32B, IFEval'].map((series, s) => ({ row, series, source: 'paper' as const, mean: -0.02 - 0.05 * r - 0.03 * s }))),
      ]),
      text,
    ),
  'model-differences': () =>
    modelDifferencesFigure(
      ['loops', 'chains', 'passcode'].flatMap((task, t) =>
        ['reasoner', 'reasoner-s2', 'reasoner-s3', 'together'].map((model, m) => ({ task, row: model, model, ...around([0.35, -0.01, 0.004][t] + 0.01 * m * (1 - t), m < 3 ? 0.03 : 0.017) })),
      ),
      text,
      { margin: 0.03, labels: { loops: 'better, Holm p < 0.001', chains: 'undecided, Holm p = 0.21', passcode: 'uninformative: oracle +4 points' }, faint: ['passcode'], axisTitles: { loops: 'RPC − random (points)', chains: 'RPC − random (points of look-ups)', passcode: 'RPC − random (points)' } },
    ),
  'model-differences-factors': () =>
    modelDifferencesFigure(
      ['loops', 'chains', 'passcode'].flatMap((task, t) =>
        ['RPC: prompt pinned − not', 'random: prompt pinned − not', 'RPC: ratio − cap', 'random: ratio − cap'].flatMap((row, r) =>
          ['reasoner', 'reasoner-s2', 'reasoner-s3', 'together'].map((model, m) => ({ task, row, model, ...around(0.1 * (2 - r) + 0.02 * m - 0.05 * t, 0.05) })),
        ),
      ),
      text,
    ),
  'model-arms': () =>
    modelArmsFigure(
      ['loops', 'chains', 'passcode'].flatMap((task, t) =>
        ['full', 'lookahead', 'rpc', 'random-persistent', 'random-redraw', 'recency', 'rpc-inverted'].flatMap((row, r) =>
          ['reasoner', 'reasoner-s2', 'reasoner-s3'].map((model, m) => ({ task, row, model, ...around(Math.max(0.08, 0.95 - 0.13 * r + 0.02 * m - 0.02 * t), 0.04) })),
        ),
      ),
      text,
      { groups: [2, 4], labels: { loops: 'informative', chains: 'informative', passcode: 'uninformative' }, axisTitles: { chains: 'look-ups right (%)' } },
    ),
  'replay-loss': () =>
    replayLossFigure(
      ['reasoning', 'non-reasoning'].flatMap((panel, k) =>
        ['1–32', '33–128', '129–512', '513–2,048', 'over 2,048', 'never before'].flatMap((bin, b) =>
          ['rpc', 'random-persistent', 'recency', 'rpc-shuffled', 'h2o', 'lookahead'].map((arm, a) => ({ panel, bin, arm, tokens: 123_456 >> (2 * b), ...around(0.02 * (a + 1) * (b + 1) - 0.03 * k, 0.02 * (b + 1)) })),
        ),
      ),
      'excess loss (nats a token)',
      text,
    ),
  'paper-accuracy': () => paperAccuracyFigure(reported().accuracy, text),
  throughput: () =>
    throughputFigure(
      ['full', 'rpc'].flatMap((policy, p) =>
        [1, 4].flatMap((batch) => lengths.map((length) => ({ policy, batch, length, tokensPerSecond: around(900 * batch ** 0.5 - length * 0.1 * (1 - p), 20), peakBytes: length * batch * 512 * (1 - 0.6 * p), compressShare: 0.02 * p }))),
      ),
      text,
    ),
  capacity: () =>
    capacityFigure(
      ['full', 'rpc'].flatMap((policy, p) => [8, 16, 32, 64].map((megabytes) => ({ policy, megabytes, batch: Math.floor(megabytes / (4.4 - 2.9 * p)), promised: Math.floor(megabytes / (4.4 - 2.9 * p)), tokensPerSecond: around(900 * megabytes ** 0.5 * (1 + p), 60) }))),
      text,
    ),
  sawtooth: () =>
    sawtoothFigure(
      [{ name: 'RPC, P = 16', policy: 'rpc', closedForm: [[0, 5], [20, 25], [20, 13], [36, 29], [36, 17], [40, 21]].map(([generated, entries]) => ({ generated, entries })), measured: [[10, 15], [20, 13], [30, 23], [40, 21]].map(([generated, entries]) => ({ generated, entries })) },
       { name: 'full', policy: 'full', closedForm: [{ generated: 0, entries: 5 }, { generated: 40, entries: 45 }], measured: [{ generated: 40, entries: 45 }] }],
      text,
    ),
  'paper-memory': () => paperMemoryFigure(modelMemoryGrid(reported().memoryGrid), text),
  'gpu-prediction': () =>
    gpuPredictionFigure(
      ['H100', 'H200'].flatMap((device, d) =>
        ['R1-Distill-Qwen-7B', 'QwQ-32B'].flatMap((model, m) =>
          ['Full KV', 'RPC P=1024', 'RPC P=4096'].flatMap((method, i) =>
            [4096, 8192, 16384, 32768].flatMap((length) =>
              [8, 16, 32].map((batch) => {
                const isLost = m === 1 && i === 0 && length * batch >= 2 ** 20;
                const predicted = isLost && d === 0 ? null : (160 * batch * (1 + 0.4 * d)) / (1 + m) / (1 + (batch * length) / 2 ** (18 + i));
                const measured = d === 0 && m === 0 && length > 8192 ? predicted! * 0.95 : undefined;
                return { device, model, method, length, batch, gpus: m === 1 ? 4 : 1, predicted, floor: predicted && predicted / 0.8, reported: isLost ? null : predicted! / (4 + d + 4 * m), measured };
              }),
            ),
          ),
        ),
      ),
      text,
    ),
  lengths: () => lengthsFigure(models.map((model, m) => ({ ...model, lengths: Array.from({ length: 90 }, (_, i) => 200 + (i * i * (m + 1)) / 2) })), text, [256, 1024, 4096]),
  compressions: () =>
    compressionsFigure(
      models.flatMap(({ name }, m) => [256, 512, 1024, 2048, 4096].map((interval, i) => ({ source: name, interval, shares: [0.1 + 0.15 * i, 0.2, 0.1 + 0.02 * m, 0.1, 0.5 - 0.15 * i - 0.02 * m].map((s) => Math.max(0, s)) }))),
      text,
    ),
  'bytes-saved': () => bytesSavedFigure(models.map((model, m) => ({ ...model, points: [256, 512, 1024, 2048, 4096].map((x, i) => ({ x, ...around(3.2 - 0.5 * i - 0.2 * m, 0.1) })) })), 'mean bytes, full over RPC', text),
  ablation: () =>
    ablationFigure(
      'window R',
      ['P = 128', 'P = 256'].flatMap((line, l) => [1, 8, 32, 128].map((value, i) => ({ value, line, ...around(0.3 + 0.15 * i + 0.05 * l, 0.06), bytes: 200_000 + 60_000 * i + 30_000 * l }))),
      text,
      {
        reference: { ...around(0.96, 0.02), bytes: 900_000 },
        paper: reported().ablations.filter(({ knob }) => knob === 'window').map(({ value, interval, passAt1 }) => ({ value, line: `paper, P = ${interval}`, mean: passAt1 / 100 })),
      },
    ),
};

describeFigures(examples);

it('names a number that cannot be drawn', () => {
  expect(() => bytesSavedFigure([{ ...models[0], points: [{ x: 256, mean: NaN }] }], 'bytes', text)).toThrowError(/QwQ-32B, P = 256: mean NaN/);
  expect(() => accuracyFigure([], text)).toThrowError(/nothing to draw/);
});
