import { expect, it } from 'vitest';
import { openEmbedder } from '../embedding/open.js';
import { matchedRedundancy } from './redundancy-cell.js';

const text = (...sentences: string[]) => sentences.map((sentence) => `${sentence[0].toUpperCase()}${sentence.slice(1)}.`).join(' ');

it('compares as many sentences of either side, from the middle of the longer one, one output a prompt', async () => {
  // By hand: the first side repeats itself only outside its middle five, so over equal lengths neither side repeats.
  const different = ['the old boat sails', 'rain fell at noon', 'seven cats sleep', 'green paint dries', 'music ends late'];
  const again = Array.from({ length: 4 }, () => 'one sentence comes again');
  const embedder = await openEmbedder('lexical');
  const long = [{ prompt: 'a', text: text(...again, ...different, ...again) }];
  const matched = await matchedRedundancy([...long, { prompt: 'b', text: text(...different) }], [{ prompt: 'a', text: text(...different) }, { prompt: 'a', text: text(...again, ...again) }], embedder);
  expect(matched).toMatchObject({ pairs: 1, sentences: 5 });
  expect(matched.rate['1'].difference.mean).toBe(0);
  const whole = await matchedRedundancy(long, [{ prompt: 'a', text: text(...different, ...different.map((one) => `not ${one} but something else`), 'the end', 'of it', 'all') }], embedder);
  expect(whole.rate['1'].first.mean).toBeCloseTo(8 / 13); // thirteen sentences against thirteen: the eight that come again
  await embedder.dispose();
});
