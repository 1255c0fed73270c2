/** The frame in which only the score varies: RPC's triggers, counts, window, pinned prompt, one set a layer. */
import type { Policy } from './policy.js';
import { settlePolicy } from './settle.js';

/** What all arms of a frame share. */
export interface FrameKnobs {
  interval: number;
  window: number;
  ratio: number;
}

const published = { budget: 'ratio', pinPrompt: true, aggregation: 'layer' };

const arms = {
  rpc: ['rpc'],
  'random-persistent': ['random', { draw: 'persistent' }],
  'random-redraw': ['random', { draw: 'redraw' }],
  'random-runs-2': ['random', { draw: 'persistent', run: 2 }],
  'random-runs-4': ['random', { draw: 'persistent', run: 4 }],
  'random-runs-7': ['random', { draw: 'persistent', run: 7 }],
  'random-heads': ['random', { draw: 'persistent', granularity: 'head' }],
  'rpc-shuffled': ['rpc-shuffled'],
  recency: ['recency'],
  h2o: ['h2o', { ...published, recent: 'window' }],
  'r-kv': ['r-kv', published],
  'rpc-inverted': ['rpc-inverted'],
  lookahead: ['lookahead'],
} as const;

/** The arms of a frame; `random-heads` alone has a set of its own in each key-value head, as many entries. */
export type FrameArm = keyof typeof arms;

/** Names of the arms, in the order of a table. */
export const frameArmNames = Object.keys(arms) as FrameArm[];

/**
 * Policies that differ in the score alone: at every token every set holds equally many entries under each of them.
 * @param more options of single arms: kernels, seeds of the lots
 * @throws PathPressError BAD_OPTION
 */
export function frameArms(knobs: FrameKnobs, more: { [arm in FrameArm]?: Record<string, unknown> } = {}): Record<FrameArm, Policy> {
  const settled = frameArmNames.map((arm) => {
    const [name, own] = arms[arm] as readonly [string, object?];
    return [arm, settlePolicy(name, { ...knobs, ...own, ...more[arm] })];
  });
  return Object.fromEntries(settled) as Record<FrameArm, Policy>;
}
