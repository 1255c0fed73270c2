/** The attention kernel alone, on pages that no cache of the processor holds. */
import { loadBinding } from '../engine/binding.js';
import { readingsOf } from './ceilings.js';
import type { Context, Part } from './context.js';
import { median, timing, type BenchCase, type Ground } from './record.js';
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

async function attentionCase({ ceilings, threads, simd }: Context, name: string, kvHeads: number, group: number, entries: number): Promise<BenchCase> {
  const sequences = Math.round(bytesHeld / attentionWork(1, kvHeads, group, dim, entries, 2).bytes);
  const work = attentionWork(sequences, kvHeads, group, dim, entries, 2);
  ceilings.operations('f32'); // measured now
  const asked = { sequences, kvHeads, group, dim, entries, type: 'bf16', threads, simd } as const;
  const made = [];
  for (let round = 0; round < rounds; round++) {
    made.push(await ceilings.around(work.bytes, async () => median(loadBinding().attentionSeconds(asked, passes))));
  }
  const ground: Ground = { work, ...readingsOf(made), type: 'f32', ceilings: ceilings.name, limit: { share: 0.75 } };
  return { part: 'attention', name, of: `layer, ${sequences} sequences`, ...timing(made.map(({ seconds }) => seconds)), ground, peers: [], targets: [] };
}
