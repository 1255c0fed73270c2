/** What compressions cost: their share of decoding, and how much of the gain that the floor permits is got. */
import { PathPressError } from '../engine/errors.js';
import { settlePolicy } from '../policies/settle.js';
import type { Context, Part } from './context.js';
import { BenchEngine } from './engine.js';
import { kindsOf } from './kinds.js';
import { target, timing, type BenchCase } from './record.js';
import { decodeWork, floorOf } from './work.js';

const ratio = 4;
const window = 32;
const cycle = 4; // the fourth compression: three have gone before
const runIn = 40; // decode steps before it: more than the window, so that all its rows are real
const rounds = 2;

export const compressionPart: Part = {
  name: 'compression',
  jobs: (quick) =>
    (quick ? (['100M'] as const) : (['100M', '1B'] as const)).flatMap((which) =>
      [1024, 4096].flatMap((interval) =>
        [1, 16].map((batch) => {
          const name = `compression, ${which}, P ${interval}, batch ${batch}`;
          const estimate = (which === '1B' ? 16 : 3) + (batch * interval) / 8192;
          return { name, estimate, run: (context) => eventCase(context, which, interval, batch, name) };
        }),
      ),
    ),
};

/**
 * The compression at 4·P + R generated tokens, run for real on a cache of made-up entries, against P decode steps at the
 * mean length of the cycle that it ends.
 */
async function eventCase(context: Context, which: '1B' | '100M', interval: number, batch: number, name: string): Promise<BenchCase[]> {
  const model = (await context.models.get(which))!;
  const rpc = settlePolicy('rpc', { interval, window, ratio });
  const kept = (cycles: number): number => 1 + (cycles * interval) / ratio + window; // the prompt's one entry among them
  const engine = await BenchEngine.open(model.folder, context);
  const events: number[] = [];
  const steps: number[] = [];
  try {
    for (let round = 0; round < rounds; round++) {
      const written = cycle * interval + window - runIn;
      const { compress, results } = await engine.decode(batch, kept(cycle - 1) + interval - runIn, runIn + 2, written, rpc);
      const [event] = results[0].compressions;
      if (event?.before !== kept(cycle - 1) + interval || event.after !== kept(cycle)) {
        throw new PathPressError('INTERNAL', `${name}: not the compression meant: ${JSON.stringify(event)}`);
      }
      events.push(compress);
      steps.push((await engine.decode(batch, kept(cycle - 1) + interval / 2, 12)).step);
    }
  } finally {
    engine.dispose();
  }
  const event = timing(events);
  const share = event.seconds / (interval * timing(steps).seconds);
  const targets = [target('share of decoding', share, false, interval === 1024 ? 0.01 : 0.005)];
  return [{ part: 'compression', name, of: batch === 1 ? 'compression' : `compression of ${batch}`, ...event, peers: [], targets, figures: { step: timing(steps).seconds } }];
}

export const gainPart: Part = {
  name: 'gain',
  jobs: (quick) => [
    { name: 'RPC against full, 100M, batch 16', estimate: quick ? 40 : 220, run: (context) => gainCase(context, quick) },
  ],
};

const mean = <T>(all: readonly T[], value: (one: T) => number): number => all.reduce((sum, one) => sum + value(one), 0) / all.length;

async function gainCase(context: Context, quick: boolean): Promise<BenchCase[]> {
  const model = (await context.models.get('100M'))!;
  const [tokens, interval] = quick ? [1024, 256] : [4096, 1024];
  const batch = 16;
  const prompts = Array.from({ length: batch }, (_, i) => Int32Array.from({ length: 16 }, (_, k) => (i * 31 + k * 7) % 1000));
  const products = kindsOf(context, model.type).at(-1); // bfloat16's where the processor has them
  const engine = await BenchEngine.open(model.folder, { ...context, products });
  try {
    const { operations } = context.ceilings.rates(decodeWork(model.shape, batch, tokens / 2), model.type);
    const run = async (name: 'full' | 'rpc'): Promise<{ seconds: number; floor: number; compress: number; bandwidth: number }> => {
      const policy = name === 'full' ? settlePolicy(name) : settlePolicy(name, { interval, window, ratio });
      const watched = { bytes: model.shape.weightBytes, type: model.type };
      const { seconds, results, readings } = await engine.generateWatched(prompts, batch, tokens, policy, watched);
      const compress = results.reduce((sum, result) => sum + result.seconds.compress, 0) / seconds;
      const bandwidth = mean(readings, (reading) => reading.bandwidth);
      const work = decodeWork(model.shape, batch, mean(results, ({ cache }) => cache.meanEntries)); // of a step on average
      return { seconds, floor: floorOf(work, { bandwidth, operations }).seconds, compress, bandwidth };
    };
    const full = await run('full');
    const rpc = await run('rpc');
    const permitted = full.floor / rpc.floor;
    const gain = full.seconds / rpc.seconds;
    const name = `RPC against full, 100M, batch 16, ${tokens} tokens, P ${interval}`;
    const figures = {
      gain,
      permitted,
      fullSeconds: full.seconds,
      compressionShare: rpc.compress,
      fullGBps: full.bandwidth / 1e9,
      rpcGBps: rpc.bandwidth / 1e9,
    };
    const targets = [target('share of the gain that the floor permits', gain / permitted, true, 0.85)];
    return [{ part: 'gain', name, of: 'run under RPC', ...timing([rpc.seconds]), peers: [], targets, figures }];
  } finally {
    engine.dispose();
  }
}
