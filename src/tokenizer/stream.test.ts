import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { TextStream } from './stream.js';
import { loadTokenizer } from './tokenizer.js';

const special = 256; // beside the 256 bytes, a token that is skipped
const decode = (ids: number[]): string =>
  new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(ids.filter((id) => id !== special)));

function streamed(ids: number[], by: (ids: number[]) => string, sizes = (): number => 1): string {
  const stream = new TextStream(by);
  let text = '';
  for (let at = 0; at < ids.length;) {
    const n = sizes();
    text += stream.push(ids.slice(at, at + n));
    at += n;
  }
  return text + stream.end();
}

const [first, second] = [[0xf0, 0x9f], [0x99, 0x82]];

it.each([0, 4, 5, 6, 7, 8, 30, 100])('keeps half a character through %i skipped ids', (skipped) => {
  const ids = [...first, ...Array<number>(skipped).fill(special), ...second];
  expect(streamed(ids, decode)).toBe('🙂');
  expect(streamed([0x61, ...ids, ...ids], decode)).toBe('a🙂🙂');
});

it('gives the text of all ids, whatever bytes and skipped ids they are', () => {
  let state = 11;
  const draw = (n: number): number => (state = (state * 48271) % 2147483647) % n;
  // Lead bytes, continuations, bytes that are never valid, letters; specials in runs about as long as the window.
  const pools = [
    [0xf0, 0x9f], [0x99, 0x82], [0x99], [0x82, 0xe4], [0xbd], [0xe4, 0xbd, 0xa0], [0xc3], [0xa9], [0xff], [0xef, 0xbb, 0xbf], [0xef, 0xbf, 0xbd],
    [0x61], [0x20],
  ]; // prettier-ignore
  for (let round = 0; round < 20_000; ++round) {
    const ids = Array.from({ length: 1 + draw(24) }, () => (draw(4) ? pools[draw(pools.length)] : Array<number>(draw(12)).fill(special))).flat();
    expect(streamed(ids, decode, () => 1 + (draw(3) ? 0 : draw(12))), ids.join()).toBe(decode(ids));
  }
});

it('decodes few ids again with each push', () => {
  let most = 0;
  streamed(Array.from({ length: 500 }, (_, i) => (i % 3 ? 0x61 : special)), (ids) => {
    most = Math.max(most, ids.length);
    return decode(ids);
  });
  expect(most).toBeLessThanOrEqual(20);
});

const llama = '../shared/data/tokenizers/Llama-3'; // not part of the project: skipped where it is absent

it.skipIf(!existsSync(llama))('keeps half a character of a real tokenizer through its special ids', async () => {
  const tokenizer = await loadTokenizer(llama);
  const [a, b, c, d] = [172, 253, 247, 224]; // F0 9F 99 82
  const ids = [a, b, ...Array<number>(7).fill(128009), c, d];
  const stream = tokenizer.stream({ skipSpecial: true });
  expect(ids.map((id) => stream.push([id])).join('') + stream.end()).toBe('🙂'); // as decode of tokenizers 0.22 gives
});
