import { expect, it } from 'vitest';
import { openEmbedder } from '../embedding/open.js';
import { matchedRedundancy, redundancyCell } from './redundancy-cell.js';

const text = (...sentences: string[]) => sentences.map((sentence) => `${sentence[0].toUpperCase()}${sentence.slice(1)}.`).join(' ');

it('compares as many sentences of either side, from the middle of the longer one, one output a prompt', async () => {
  // By hand: the first side repeats itself only outside its middle five, so over equal lengths neither side repeats.
  const different = ['the old boat sails', 'rain fell at noon', 'seven cats sleep', 'green paint dries', 'music ends late'];
  const again = Array.from({ length: 4 }, () => 'one sentence comes again');
  const embedder = await openEmbedder('lexical');
  const long = [{ prompt: 'a', text: text(...again, ...different, ...again) }];
  const matched = await matchedRedundancy([...long, { prompt: 'b', text: text(...different) }], [{ prompt: 'a', text: text(...different) }, { prompt: 'a', text: text(...again, ...again) }, { prompt: 'b', text: text(...different) }], embedder);
  expect(matched).toMatchObject({ pairs: 2, sentences: 10 });
  expect(matched.rate['1'].difference).toMatchObject({ mean: 0, pairs: 2, p: 1 });
  const whole = await matchedRedundancy([...long, { prompt: 'b', text: text(...different) }], [{ prompt: 'b', text: text(...different) }, { prompt: 'a', text: text(...different, ...different.map((one) => `not ${one} but something else`), 'the end', 'of it', 'all') }], embedder);
  expect(whole.rate['1'].first.mean).toBeCloseTo(4 / 13); // thirteen sentences against thirteen: the eight that come again; none of b’s
  await expect(matchedRedundancy(long, long, embedder)).rejects.toMatchObject({ code: 'BAD_OPTION', message: expect.stringContaining('1 prompts') });
  await embedder.dispose();
});

it('does not take outputs that never repeat themselves for certainty', async () => {
  const embedder = await openEmbedder('lexical');
  const cell = await redundancyCell([{ prompt: 'a', text: text('the old boat sails', 'rain fell at noon') }, { prompt: 'b', text: text('seven cats sleep', 'green paint dries') }], embedder);
  const z = 1.959964;
  expect(cell.rate['1']).toMatchObject({ mean: 0, low: 0 });
  expect(cell.rate['1'].high).toBeCloseTo(z ** 2 / (2 + z ** 2), 5); // Wilson's, of none of two prompts
  await embedder.dispose();
});
