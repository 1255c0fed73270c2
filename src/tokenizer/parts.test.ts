import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadTokenizer } from './tokenizer.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pathpress-parts-'));
});
afterAll(() => rm(folder, { recursive: true }));

const shape = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
const whole = {
  version: '1.0', truncation: null, padding: null, normalizer: null, pre_tokenizer: null as object | null, post_processor: null as object | null,
  decoder: null, added_tokens: ['<s>', '</s>'].map((content, id) => ({ id, content, ...shape })),
  model: { type: 'BPE', vocab: { '<s>': 0, '</s>': 1, a: 2, b: 3 } as object, merges: [] as string[] } as object,
}; // prettier-ignore
const write = async (tokenizer: object, others: Record<string, unknown> = {}): Promise<void> => {
  for (const [name, value] of Object.entries({ 'tokenizer.json': { ...whole, ...tokenizer }, ...others }))
    await writeFile(join(folder, name), JSON.stringify(value));
};

const split = (behavior: string, invert: boolean, pattern: object = { Regex: ' ' }) => ({ type: 'Split', pattern, behavior, invert });
const sequence = (...pretokenizers: object[]) => ({ pre_tokenizer: { type: 'Sequence', pretokenizers } });
const template = (...ids: number[]) => ({
  type: 'TemplateProcessing', single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }], pair: [],
  special_tokens: { '<s>': { id: '<s>', ids, tokens: ids.map((id) => `<${id}>`) } },
}); // prettier-ignore

// Each of these loads in tokenizers 0.22, which gives other ids for some text than the package does, without a word of it.
it.each<[string, object, string]>([
  ['Split inverted', { pre_tokenizer: split('Isolated', true) }, '"pre_tokenizer" Split of behavior "Isolated" with "invert" true'],
  ['Split within a Sequence', sequence({ type: 'Whitespace' }, { type: 'Sequence', pretokenizers: [split('Contiguous', false)] }), 'Split of behavior "Contiguous"'],
  ['Split merged with what precedes', sequence(split('MergedWithPrevious', false)), 'Split of behavior "MergedWithPrevious"'],
  ['Split merged with what follows', sequence(split('MergedWithNext', true)), 'Split of behavior "MergedWithNext"'],
  ['Split of a text removed', sequence(split('Removed', false, { String: ' ' })), 'Split of behavior "Removed" with the pattern {"String":" "}'],
  ['Punctuation', { pre_tokenizer: { type: 'Punctuation' } }, '"pre_tokenizer" Punctuation of behavior "Isolated"'],
  ['Punctuation removed', sequence({ type: 'Punctuation', behavior: 'Removed' }), 'Punctuation of behavior "Removed"'],
  ['a single word', { added_tokens: [{ id: 1, content: '</s>', ...shape, single_word: true }] }, '"added_tokens" "</s>" with "single_word" true'],
  ['a prefix of subwords', { model: { ...whole.model, continuing_subword_prefix: '##' } }, '"model" BPE with "continuing_subword_prefix" "##"'],
  ['Unigram of bytes', { model: { type: 'Unigram', unk_id: 0, vocab: [['a', 0]], byte_fallback: true } }, '"model" Unigram with "byte_fallback" true'],
  ['a token of two ids', { post_processor: { type: 'Sequence', processors: [template(0, 1)] } }, 'TemplateProcessing with the token "<s>" of several ids'],
])('refuses %s', async (_, tokenizer, message) => {
  await write(tokenizer);
  const error = { code: 'BAD_TOKENIZER', message: expect.stringContaining(`tokenizer.json: `) };
  await expect(loadTokenizer(folder)).rejects.toMatchObject(error);
  await expect(loadTokenizer(folder)).rejects.toThrow(`${message} is not supported`);
});

it.each<[string, object]>([
  ['Split removed, of a pattern or inverted', sequence(split('Removed', false), split('Removed', true), split('Removed', true, { String: ' ' }))],
  ['Split isolated', sequence(split('Isolated', false, { String: ' ' }))],
  ['Split at what a normalizer has replaced, as Gemma has it', { normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '\u2581' }, pre_tokenizer: split('MergedWithPrevious', false, { String: ' ' }) }],
  ['Punctuation contiguous', sequence({ type: 'Punctuation', behavior: 'Contiguous' })],
  ['no prefix', { model: { ...whole.model, continuing_subword_prefix: '' } }],
  ['a token of one id', { post_processor: template(0) }],
  ['parts of no shape', { pre_tokenizer: null, post_processor: { type: 'Sequence', processors: [] } }],
])('takes %s', async (_, tokenizer) => {
  await write(tokenizer);
  expect((await loadTokenizer(folder)).vocabSize).toBe(4);
});

it('ends parts within parts of any depth in an error', async () => {
  const deep = '{"type":"Sequence","pretokenizers":['.repeat(100_000) + ']}'.repeat(100_000);
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify({ ...whole, pre_tokenizer: 0 }).replace('"pre_tokenizer":0', `"pre_tokenizer":${deep}`));
  await expect(loadTokenizer(folder)).rejects.toMatchObject({ code: 'BAD_TOKENIZER' });
});

it('refuses an id beyond every embedding at once', async () => {
  await write({ model: { ...whole.model, vocab: { a: 2 ** 24 } } });
  await expect(loadTokenizer(folder)).rejects.toMatchObject({ code: 'BAD_TOKENIZER', message: expect.stringContaining('16777216') });
  await write({ added_tokens: [{ id: 1e8, content: '<s>', ...shape }] });
  await expect(loadTokenizer(folder)).rejects.toMatchObject({ code: 'BAD_TOKENIZER', message: expect.stringContaining('100000000') });
});

describe('Digits', () => {
  // GPT-2's names of bytes.
  const plain = [...Array(256).keys()].filter((byte) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173));
  const others = [...Array(256).keys()].filter((byte) => !plain.includes(byte));
  const names = [...Array(256).keys()].map((byte) => String.fromCharCode(plain.includes(byte) ? byte : 256 + others.indexOf(byte)));
  const vocab: Record<string, number> = Object.fromEntries(names.map((name, byte) => [name, byte]));
  const merges: [string, string][] = [];
  for (const text of ['12', '²½', '½ ', '٣٤', '  ', 'a1', '  ½', ' Ⅳ']) {
    const word = [...Buffer.from(text)].map((byte) => names[byte]);
    for (let i = 1; i < word.length; i++) {
      const left = word.slice(0, i).join('');
      if (left + word[i] in vocab) continue;
      vocab[left + word[i]] = Object.keys(vocab).length;
      merges.push([left, word[i]]);
    }
  }
  // Ids by tokenizers 0.22 of the same file; it wants individual_digits to be there.
  it.each([
    ['one by one', true, [[97, 49, 50], [120, 265, 260, 32, 257, 260], [262, 217, 164, 32, 226, 133, 163], [49, 50, 32, 97, 49]]],
    ['in runs', false, [[97, 256], [120, 265, 260, 32, 259], [264, 32, 226, 133, 163], [256, 32, 97, 49]]],
  ])('%s are every number of Unicode', async (_, individual_digits, ids) => {
    const bytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
    await write({ added_tokens: [], model: { type: 'BPE', vocab, merges }, ...sequence({ type: 'Digits', individual_digits }, bytes) });
    const tokenizer = await loadTokenizer(folder);
    expect(['a12', 'x  ½ ²½', '٣٤ Ⅳ', '12 a1'].map((text) => tokenizer.encode(text))).toEqual(ids);
  });
});

it('takes special tokens from special_tokens_map.json where tokenizer_config.json has none', async () => {
  const ids = async (others: object): Promise<number[]> => {
    await write({}, { 'tokenizer_config.json': { chat_template: '{{ bos_token }}a{{ eos_token }}b{{ pad_token }}', ...others } });
    return (await loadTokenizer(folder)).applyChat([]);
  };
  await write({}, { 'special_tokens_map.json': { bos_token: '<s>', eos_token: { content: '</s>', ...shape }, pad_token: '</s>' } });
  expect(await ids({})).toEqual([0, 2, 1, 3, 1]);
  expect(await ids({ bos_token: '</s>', eos_token: { content: '<s>', ...shape } })).toEqual([1, 2, 0, 3, 1]);
  await writeFile(join(folder, 'special_tokens_map.json'), '{');
  await expect(ids({})).rejects.toMatchObject({ code: 'BAD_TOKENIZER', message: expect.stringContaining('special_tokens_map.json') });
  for (const name of ['special_tokens_map.json', 'tokenizer_config.json']) await rm(join(folder, name));
});

// Real tokenizers, some not part of the project.
it.each(['../shared/data/tokenizers', 'data/models', '.cache'])('loads every tokenizer under %s', async (parent) => {
  const names = existsSync(parent) ? await readdir(parent) : [];
  const folders = names.filter((one) => existsSync(join(parent, one, 'tokenizer.json')));
  if (parent === 'data/models') expect(folders.length).toBeGreaterThan(0); // the others are not part of the project
  for (const name of folders) expect((await loadTokenizer(join(parent, name))).vocabSize).toBeGreaterThan(0);
}, 60_000);
