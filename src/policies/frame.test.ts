import { expect, it } from 'vitest';
import { closedForm } from './closed-form.js';
import { frameArmNames, frameArms } from './frame.js';

it.each([{ interval: 256, window: 128, ratio: 4 }, { interval: 10, window: 4, ratio: 3 }, { interval: 7, window: 30, ratio: 1.5 }])(
  'holds as many entries in every arm at every token: %o',
  (knobs) => {
    const arms = Object.values(frameArms(knobs));
    const [rpc, ...others] = arms.map((policy) => closedForm(policy, 20, 1500).corners);
    expect(rpc.length).toBeGreaterThan(8);
    others.forEach((corners) => expect(corners).toEqual(rpc));
    expect(new Set(arms.map((policy) => JSON.stringify(policy))).size).toBe(frameArmNames.length);
  },
);

it('takes options of single arms', () => {
  const knobs = { interval: 16, window: 4, ratio: 4 };
  const arms = frameArms(knobs, { rpc: { kernel: 3 }, 'random-redraw': { drawSeed: 2 } });
  expect(arms.rpc).toMatchObject({ ...knobs, name: 'rpc', kernel: 3 });
  expect(arms['random-redraw']).toMatchObject({ ...knobs, draw: 'redraw', drawSeed: 2 });
  expect(() => frameArms(knobs, { recency: { kernel: 3 } })).toThrow('kernel 3: policy recency does not use it');
});
