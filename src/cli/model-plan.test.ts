import { expect, it } from 'vitest';
import { fixture } from '../engine/testing.js';
import { pathpress } from './harness.mjs';

it('prints one object with the fields of the contract', async () => {
  const { status, out, err } = await pathpress([
    'model', 'plan', 'QwQ-32B', '--policy', 'rpc', '--interval', 4096, '--batch', 16, '--length', 32768, '--copies', 2,
    '--device-memory', 80, '--bandwidth', 3350, '--flops', 989, '--json',
  ]);
  expect({ status, err }).toEqual({ status: 0, err: '' });
  const plan = JSON.parse(out) as Record<string, number>;
  const wanted = ['weightsBytes', 'cacheBytesPerToken', 'peakBytes', 'largestBatch', 'bytesPerStep', 'flopsPerStep', 'tokensPerSecondBound'];
  for (const name of wanted) expect(plan[name], name).toBeGreaterThan(0);
  expect(Math.abs(plan.peakBytes / 1e9 - 163.4)).toBeLessThan(1); // the paper's cell
});

it('says the same in words', async () => {
  const { status, out } = await pathpress(['model', 'plan', fixture('glm4-g2'), '--batch', 2, '--copies', 2, '--device-memory', 1]);
  expect(status).toBe(0);
  for (const word of ['weights', 'cache', 'side state', 'peak, two copies', 'largest batch']) expect(out).toContain(word);
  expect(out).not.toContain('tokens a second');
});

it.each<[(string | number)[], ...string[]]>([
  [[], 'DIR|NAME'],
  [['nowhere'], 'nowhere', 'QwQ-32B'],
  [['QwQ-32B', '--copies', 3], '--copies', '3'],
  [['QwQ-32B', '--batch', 0], '--batch', '0'],
  [['QwQ-32B', '--length', 10_000_001], '--length', '10000001', '10000000'],
  [['QwQ-32B', '--prompt', 10_000_001], '--prompt', '10000001', '10000000'],
  [['QwQ-32B', '--bandwidth', 0], '--bandwidth', '0'],
  [['QwQ-32B', '--device-memory', -1], '--device-memory', '-1'],
  [['QwQ-32B', '--policy', 'tova'], '--keep'],
  [['QwQ-32B', '--interval', 64], '--interval', '64'],
])('refuses %j', async (args, ...names) => {
  const { status, out, err } = await pathpress(['model', 'plan', ...args]);
  expect({ status, out }, err).toEqual({ status: 2, out: '' });
  for (const name of names) expect(err).toContain(name);
});
