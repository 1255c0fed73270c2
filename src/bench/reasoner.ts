/** The bundled reasoner at batch 64: a model so small that everything beside the kernels shows. */
import { settlePolicy } from '../policies/settle.js';
import type { Context, Part } from './context.js';
import { BenchEngine } from './engine.js';
import { target, timing, type BenchCase } from './record.js';
import { decodeWork, floorOf, prefillWork } from './work.js';

const batch = 64;
const promptTokens = 48;
const tokens = 512;
const rounds = 3;

export const reasonerPart: Part = {
  name: 'reasoner',
  jobs: () => [{ name: 'reasoner, batch 64', estimate: 20, run: reasonerCase }],
};

async function reasonerCase(context: Context): Promise<BenchCase[]> {
  const { ceilings } = context;
  const { folder, shape, type } = (await context.models.get('reasoner'))!;
  const prompts = Array.from({ length: batch }, (_, i) => Int32Array.from({ length: promptTokens }, (_, k) => (i * 13 + k * 7) % shape.vocab));
  const engine = await BenchEngine.open(folder, context);
  try {
    const seconds: number[] = [];
    const hosts: number[] = [];
    let entries = 0;
    for (let round = 0; round < rounds; round++) {
      const run = await engine.generate(prompts, batch, tokens, settlePolicy('full'));
      const native = run.results.reduce((sum, { seconds: s }) => sum + s.prefill + s.decode + s.compress, 0);
      seconds.push(run.seconds);
      hosts.push(1 - native / run.seconds);
      entries = run.results[0].cache.meanEntries;
    }
    // Each step's floor times the steps, and the prompts': as work of one piece, so that what it says can be added up.
    const step = decodeWork(shape, batch, entries);
    const prompt = prefillWork(shape, promptTokens);
    const work = {
      bytes: (tokens - 1) * step.bytes + batch * prompt.bytes,
      operations: (tokens - 1) * step.operations + batch * prompt.operations,
    };
    const floor = floorOf(work, { bandwidth: ceilings.bandwidth(step.bytes), operations: ceilings.operations(type) });
    const host = timing(hosts).seconds;
    const all = timing(seconds);
    const targets = [
      target('times the floor', all.seconds / floor.seconds, false, 2),
      target("the host's share", host, false, 0.1),
    ];
    const figures = { tokensPerSecond: (batch * tokens) / all.seconds };
    const name = `reasoner, batch ${batch}, ${tokens} tokens after ${promptTokens}`;
    return [{ part: 'reasoner', name, of: 'run', ...all, floor, peers: [], targets, figures }];
  } finally {
    engine.dispose();
  }
}
