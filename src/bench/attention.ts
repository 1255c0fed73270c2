/** The attention kernel alone, on pages that no cache of the processor holds. */
import { loadBinding } from '../engine/binding.js';
import type { ProductType } from '../engine/types.js';
import type { Round } from './ceilings.js';
import type { Context, Part } from './context.js';
import { faster, inTurn, kindsOf, type OwnRound } from './kinds.js';
import { median, type BenchCase } from './record.js';
import { attentionWork } from './work.js';

const heads = [
  { group: 4, kvHeads: 8, of: '1B' },
  { group: 3, kvHeads: 4, of: '100M' },
];
const dim = 64;
const bytesHeld = 2.5e8;
const rounds = 5;
const passes = 5; // of a round, whose median counts

export const attentionPart: Part = {
  name: 'attention',
  jobs: () =>
    heads.flatMap(({ group, kvHeads, of }) =>
      [4096, 16_384].map((entries) => {
        const name = `attention, ${of}, ${entries} entries`;
        const run = async (context: Context): Promise<BenchCase[]> => [await attentionCase(context, name, kvHeads, group, entries)];
        return { name, estimate: 5, run };
      }),
    ),
};

async function attentionCase(context: Context, name: string, kvHeads: number, group: number, entries: number): Promise<BenchCase> {
  const { ceilings, threads, simd } = context;
  const sequences = Math.round(bytesHeld / attentionWork(1, kvHeads, group, dim, entries, 2).bytes);
  const work = attentionWork(sequences, kvHeads, group, dim, entries, 2);
  const kinds = kindsOf(context, 'bf16');
  const type = kinds.includes('bf16') ? 'bf16' : 'f32';
  ceilings.operations(type); // measured now
  const own = (products: ProductType): Promise<Round> => {
    const asked = { sequences, kvHeads, group, dim, entries, type: 'bf16', products, threads, simd } as const;
    return ceilings.around(work.bytes, type, async () => median(loadBinding().attentionSeconds(asked, passes)));
  };
  const made: OwnRound[] = [];
  for (let round = 0; round < rounds; round++) made.push(await inTurn(kinds, own));
  const ground = { work, type, ceilings: ceilings.name, limit: { share: 0.75 } } as const;
  return { part: 'attention', of: `layer, ${sequences} sequences`, ...faster(made, kinds, name, ground), peers: [], targets: [] };
}
