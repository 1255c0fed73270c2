/** The attention kernel alone, on pages that no cache of the processor holds. */
import { loadBinding } from '../engine/binding.js';
import type { Context, Part } from './context.js';
import { timing, type BenchCase, type Ground } from './record.js';
import { attentionWork } from './work.js';

const heads = [
  { group: 4, kvHeads: 8, of: '1B' },
  { group: 3, kvHeads: 4, of: '100M' },
];
const dim = 64;
const bytesHeld = 2.5e8;
const rounds = 9;

export const attentionPart: Part = {
  name: 'attention',
  jobs: () =>
    heads.flatMap(({ group, kvHeads, of }) =>
      [4096, 16_384].map((entries) => {
        const name = `attention, ${of}, ${entries} entries`;
        const run = (context: Context): Promise<BenchCase[]> => Promise.resolve([attentionCase(context, name, kvHeads, group, entries)]);
        return { name, estimate: 2, run };
      }),
    ),
};

function attentionCase({ ceilings, threads, simd }: Context, name: string, kvHeads: number, group: number, entries: number): BenchCase {
  const sequences = Math.round(bytesHeld / attentionWork(1, kvHeads, group, dim, entries, 2).bytes);
  const work = attentionWork(sequences, kvHeads, group, dim, entries, 2);
  ceilings.rates(work, 'f32'); // measured now
  const asked = { sequences, kvHeads, group, dim, entries, type: 'bf16', threads, simd } as const;
  const { seconds, rounds: all } = timing(loadBinding().attentionSeconds(asked, rounds));
  const ground: Ground = { work, type: 'f32', ceilings: ceilings.name, limit: { share: 0.75 } };
  return { part: 'attention', name, of: `layer, ${sequences} sequences`, seconds, rounds: all, ground, peers: [], targets: [] };
}
