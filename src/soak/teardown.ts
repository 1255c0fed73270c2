/** Workers that go with streams in flight, aborts at random tokens, engines made and disposed: no crash, memory flat. */
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { openEngine } from '../engine/engine.js';
import { fixture, request, rpc } from '../engine/testing.js';
import { Random } from '../tasks/random.js';
import { flatShare, MemoryLog, type Growth } from './memory.js';
import { newOutcome, type Outcome, type Part, type Work } from './part.js';

const model = fixture('llama-g4');
const endless = request({ maxTokens: 1e6, policy: rpc() });

/** Below this many repetitions memory is stated, not judged: caches are still filling. */
const enoughToJudge = 500;

type Repeat = (random: Random, i: number, outcome: ReturnType<typeof newOutcome>) => Promise<void>;

/** Memory of `count` repetitions, noted a hundred times. */
async function grown(count: number, repeat: (i: number) => Promise<void>): Promise<Growth> {
  const memory = new MemoryLog();
  const every = Math.max(1, Math.floor(count / 100));
  for (let i = 0; i < count; i++) {
    await repeat(i);
    if ((i + 1) % every === 0) memory.note(i + 1);
  }
  return memory.growth();
}

/**
 * @param control the same without the engine: what it gains in memory is Node's own
 */
async function repeated({ count, seed, first, progress }: Work, repeat: Repeat, control?: () => Promise<void>): Promise<Outcome> {
  const outcome = newOutcome();
  const { slope, share, resident } = await grown(count, async (i) => {
    await repeat(new Random(seed, first + i), first + i, outcome);
    progress(i + 1);
  });
  let own = 0;
  if (control) {
    const without = await grown(count, control);
    own = Math.max(0, without.share);
    outcome.figures['the same without the engine, bytes a repetition'] = Math.round(without.slope);
  }
  outcome.figures['resident memory, bytes a repetition'] = Math.round(slope);
  outcome.figures['growth over the second half, share'] = Number(share.toFixed(4));
  outcome.figures['resident at the end, MB'] = Math.round(resident / 1e6);
  if (count >= enoughToJudge && share - own > flatShare)
    outcome.fault(`resident memory grows by ${slope.toFixed(0)} bytes a repetition, ${(100 * share).toFixed(1)} % over the second half`);
  return outcome;
}

async function aWorkerGoes(random: Random, i: number, outcome: ReturnType<typeof newOutcome>): Promise<void> {
  const script = fileURLToPath(new URL('../../src/soak/teardown-worker.cjs', import.meta.url));
  const addon = fileURLToPath(new URL('../../build/native/engine.node', import.meta.url));
  const how = random.pick(['exit', 'throw', 'terminate']);
  const worker = new Worker(script, { workerData: { addon, model, how, streams: random.integer(1, 3) } });
  const planned = 'out of the worker';
  worker.on('error', ({ message }) => {
    if (how !== 'throw' || message !== planned) outcome.fault(`worker ${i}, to ${how}: ${message}`);
  });
  const exited = new Promise((resolve) => worker.once('exit', resolve));
  if (how === 'terminate') {
    // Now and then before it has begun, or while its model loads.
    const early = random.chance(0.2);
    await (early
      ? new Promise((resolve) => setTimeout(resolve, random.integer(0, 60)))
      : Promise.race([new Promise((resolve) => worker.once('message', resolve)), exited]));
    await worker.terminate();
  }
  await exited;
}

async function anEmptyWorkerGoes(): Promise<void> {
  const worker = new Worker("require('node:worker_threads').parentPort.postMessage(0); setInterval(() => {}, 1000)", { eval: true });
  await new Promise((resolve) => worker.once('message', resolve));
  await worker.terminate();
}

export const teardown: Part = {
  name: 'teardown',
  title: 'workers that exit, throw or are terminated with streams in flight',
  unit: 'workers',
  full: 1500,
  short: 45,
  run: (work) => repeated(work, aWorkerGoes, anEmptyWorkerGoes),
};

export const aborts: Part = {
  name: 'aborts',
  title: 'streams aborted at random tokens',
  unit: 'aborts',
  full: 1000,
  short: 100,
  async run(work) {
    const engine = await openEngine({ model, threads: 2 });
    try {
      return await repeated(work, async (random, i, outcome) => {
        const controller = new AbortController();
        const at = random.integer(1, 200);
        const generation = engine.generate({ ...endless, signal: controller.signal });
        const beside = engine.generate(request({ maxTokens: 20 }));
        let seen = 0;
        for await (const _ of generation) if (++seen === at) controller.abort();
        const { finish, ids } = await generation.result;
        if (finish !== 'aborted' || ids.length < at || ids.length !== seen)
          outcome.fault(`abort ${i} of seed ${work.seed}: at token ${at} of ${seen}: ${finish}, ${ids.length} ids`);
        if ((await beside.result).ids.length !== 20) outcome.fault(`abort ${i} of seed ${work.seed}: its neighbour fell short`);
      });
    } finally {
      engine.dispose();
    }
  },
};

export const engines: Part = {
  name: 'engines',
  title: 'engines made, used and disposed, some with a stream in flight',
  unit: 'engines',
  full: 1000,
  short: 20,
  run: (work) =>
    repeated(work, async (random, i, outcome) => {
      const engine = await openEngine({ model, threads: random.integer(1, 3) });
      const inFlight = random.chance(0.5);
      const generation = engine.generate(inFlight ? endless : request({ maxTokens: random.integer(1, 30) }));
      if (inFlight) await generation[Symbol.asyncIterator]().next();
      else await generation.result;
      engine.dispose();
      const { finish } = await generation.result;
      if (finish !== (inFlight ? 'aborted' : 'length')) outcome.fault(`engine ${i} of seed ${work.seed}: ${finish}`);
    }),
};
