/** The bundled reasoner at batch 64: a model so small that everything beside the kernels shows. */
import { settlePolicy } from '../policies/settle.js';
import { readingsOf, type Round } from './ceilings.js';
import type { Context, Part } from './context.js';
import { BenchEngine } from './engine.js';
import { target, timing, type BenchCase, type Ground } from './record.js';
import { decodeWork, prefillWork } from './work.js';

const batch = 64;
const promptTokens = 48;
const tokens = 512;
const rounds = 9; // of less than a second each

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
    const made: Round[] = [];
    const hosts: number[] = [];
    const entries = promptTokens + tokens / 2; // that a step sees, on average
    const step = decodeWork(shape, batch, entries);
    ceilings.operations(type); // measured now
    for (let round = 0; round < rounds; round++) {
      made.push(
        await ceilings.around(step.bytes, type, async () => {
          const { seconds, results } = await engine.generate(prompts, batch, tokens, settlePolicy('full'));
          const native = results.reduce((sum, { seconds: s }) => sum + s.prefill + s.decode + s.compress, 0);
          hosts.push(1 - native / seconds);
          return seconds;
        }),
      );
    }
    // Prompts that are fed together read the weights once. Each step's floor times the steps, and the prompts': as work of one piece, so that what it says can be added up.
    const prompt = prefillWork(shape, promptTokens);
    const work = {
      bytes: (tokens - 1) * step.bytes + shape.weightBytes + batch * (prompt.bytes - shape.weightBytes),
      operations: (tokens - 1) * step.operations + batch * prompt.operations,
    };
    const ground: Ground = { work, ...readingsOf(made), type, ceilings: ceilings.name, limit: { times: 2 } };
    const host = timing(hosts).seconds;
    const all = timing(made.map(({ seconds }) => seconds));
    const targets = [target("the host's share", host, false, 0.1)];
    const figures = { tokensPerSecond: (batch * tokens) / all.seconds };
    const name = `reasoner, batch ${batch}, ${tokens} tokens after ${promptTokens}`;
    return [{ part: 'reasoner', name, of: 'run', ...all, ground, peers: [], targets, figures }];
  } finally {
    engine.dispose();
  }
}
