/** Tokenizers out of GGUF metadata: real vocabularies against their own tokenizer.json, small ones against ids worked out by hand. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadTokenizer, type Tokenizer } from '../../tokenizer/tokenizer.js';
import * as gguf from './build.mjs';
import { importGguf } from './import.js';

const folder = mkdtempSync(join(tmpdir(), 'pathpress-gguf-'));
afterAll(() => rmSync(folder, { recursive: true }));

let made = 0;
/** A tiny model with these tokenizer keys in place of its own, and an embedding of as many rows as there are tokens. */
async function tokenizerOf(rows: Buffer[], tokens: number): Promise<Tokenizer> {
  const spec = gguf.tinyFile();
  for (const key of Object.keys(spec.keys)) if (key.startsWith('tokenizer.')) delete spec.keys[key];
  rows.forEach((row, i) => (spec.keys[`tokenizer ${i}`] = row));
  spec.tensors[0] = { ...spec.tensors[0], shape: [tokens, 32], data: gguf.floats(new Float32Array(tokens * 32)) };
  const file = join(folder, `${++made}.gguf`);
  const out = join(folder, `model-${made}`);
  gguf.save(file, spec);
  await importGguf({ file, out });
  return loadTokenizer(out);
}

const shared = '../shared/data/tokenizers'; // real tokenizers, not part of the project: tests skip where they are absent
const strings = [
  'Hello world', '你好,世界！', '👩‍🔬 done 😀', '\\frac{a}{b} = \\sqrt{2}', '<think>\nWait, 3.14159\n</think>\n\n42',
  '  spaces\tand\n\nlines  ', 'naïve café Ünïcode ﬁ', 'def f(x):\r\n    return x[0] != 12345\n\n\n', "I'LL don't they've", '日本語 と 한국어 и русский',
];

interface HfTokenizer {
  added_tokens: { id: number; content: string; special: boolean }[];
  model: { vocab: Record<string, number>; merges: (string | string[])[] };
}

describe.each([
  ['DeepSeek-R1-Distill-Llama', 'llama-bpe', true],
  ['DeepSeek-R1-Distill-Qwen', 'deepseek-r1-qwen', true],
  ['QwQ-32B', 'qwen2', false],
])('the real vocabulary of %s', (name, pre, begins) => {
  const own = join(shared, name);
  it.skipIf(!existsSync(own))('gives the ids that its own tokenizer.json gives', async () => {
    const { added_tokens: added, model } = JSON.parse(readFileSync(join(own, 'tokenizer.json'), 'utf8')) as HfTokenizer;
    const texts: string[] = [];
    for (const [token, id] of Object.entries(model.vocab)) texts[id] = token;
    const kinds = texts.map(() => 1);
    for (const { id, content, special } of added) [texts[id], kinds[id]] = [content, special ? 3 : 4];
    // The converter fills the embedding's spare rows with tokens marked as unused.
    const rowsOfEmbedding = texts.length + 3;
    for (let id = 0; id < rowsOfEmbedding; id++) if (texts[id] === undefined) [texts[id], kinds[id]] = [`[PAD${id}]`, 5];
    const begin = texts.findIndex((token) => token === '<｜begin▁of▁sentence｜>');
    const rows = [
      gguf.text('tokenizer.ggml.model', 'gpt2'),
      gguf.text('tokenizer.ggml.pre', pre),
      gguf.texts('tokenizer.ggml.tokens', texts),
      gguf.wholes('tokenizer.ggml.token_type', kinds),
      gguf.texts('tokenizer.ggml.merges', model.merges.map((merge) => (Array.isArray(merge) ? merge.join(' ') : merge))),
      gguf.flag('tokenizer.ggml.add_bos_token', begins),
      ...(begins ? [gguf.whole('tokenizer.ggml.bos_token_id', begin)] : []),
    ];
    const [ours, theirs] = [await tokenizerOf(rows, texts.length), await loadTokenizer(own)];
    for (const text of strings) {
      expect(ours.encode(text)).toEqual(theirs.encode(text));
      expect(ours.encode(text, { special: true })).toEqual(theirs.encode(text, { special: true }));
    }
    const ids = strings.flatMap((text) => theirs.encode(text));
    expect(ours.decode(ids)).toBe(theirs.decode(ids));
    expect(ours.vocabSize).toBe(theirs.vocabSize);
  });
});

it('byte-level: merges in order, control tokens whole, a chat through the template', async () => {
  const spec = gguf.tinyFile();
  const rows = Object.entries(spec.keys).filter(([key]) => key.startsWith('tokenizer.')).map(([, row]) => row);
  const tokenizer = await tokenizerOf(rows, 20);
  // 0 <|end|>, 1 <|say|>, 2 to 13 a to l, 14 the space, 15 ab, 16 abc, 17 a with a space before it
  expect(tokenizer.encode('abcab ab<|end|>b')).toEqual([16, 15, 14, 15, 0, 3]); // ab is merged before a with its space
  expect(tokenizer.encode(' ac')).toEqual([17, 4]);
  expect(tokenizer.decode([16, 15, 14, 15, 0])).toBe('abcab ab<|end|>');
  expect(tokenizer.decode([16, 0], { skipSpecial: true })).toBe('abc');
  expect(tokenizer.applyChat([{ role: 'user', content: 'abc' }])).toEqual([1, 16]);
});

// llama.cpp (0.3.36 of its Python binding) counts these among the ends of the real vocabularies of Llama 3 and Qwen2.5; it takes
// more names (<|fim_pad|>, </s>), and tokens of other kinds.
it('takes ends by key, then by name', async () => {
  const spec = gguf.tinyFile();
  const texts = ['<|im_end|>', 'a', '<|eot_id|>', '<|endoftext|>', '<|eom_id|>', '<|end_of_text|>', '<|end|>'];
  spec.keys['tokenizer.ggml.tokens'] = gguf.texts('tokenizer.ggml.tokens', texts);
  spec.keys['tokenizer.ggml.token_type'] = gguf.wholes('tokenizer.ggml.token_type', [3, 1, 3, 3, 4, 3, 3]);
  spec.keys['tokenizer.ggml.merges'] = gguf.texts('tokenizer.ggml.merges', []);
  spec.keys['tokenizer.ggml.eos_token_id'] = gguf.whole('tokenizer.ggml.eos_token_id', 6);
  spec.keys.eot = gguf.whole('tokenizer.ggml.eot_token_id', 2);
  const [file, out] = [join(folder, 'ends.gguf'), join(folder, 'ends')];
  gguf.save(file, spec);
  expect((await importGguf({ file, out })).eosIds).toEqual([6, 2, 5, 3, 0]);
  expect(JSON.parse(readFileSync(join(out, 'generation_config.json'), 'utf8'))).toMatchObject({ eos_token_id: [6, 2, 5, 3, 0] });
});

describe('SentencePiece', () => {
  const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`);
  const pieces: [string, number, number][] = [
    ['<unk>', 2, 0],
    ['<s>', 3, 0],
    ['</s>', 3, 0],
    ...bytes.map((text): [string, number, number] => [text, 6, 0]),
    // From 259: single characters, then pieces, better ones first.
    ...['\u2581', 'a', 'b', 'c', 'ab', 'bc', 'abc', '\u2581a', '\u2581ab'].map((text, i): [string, number, number] => [text, 1, -i]),
  ];
  const rows = [
    gguf.text('tokenizer.ggml.model', 'llama'),
    gguf.texts('tokenizer.ggml.tokens', pieces.map(([text]) => text)),
    gguf.wholes('tokenizer.ggml.token_type', pieces.map(([, kind]) => kind)),
    gguf.reals('tokenizer.ggml.scores', pieces.map(([, , score]) => score)),
    gguf.whole('tokenizer.ggml.bos_token_id', 1),
    gguf.whole('tokenizer.ggml.eos_token_id', 2),
    gguf.whole('tokenizer.ggml.unknown_token_id', 0),
  ];

  it('merges by score, falls back to bytes, begins as Llama does', async () => {
    const tokenizer = await tokenizerOf(rows, pieces.length);
    const [space, , b, c, ab, , abc, , spaceAb] = Array.from({ length: 9 }, (_, i) => 259 + i);
    expect(tokenizer.encode('abc')).toEqual([space, abc]); // ab first (best score), then abc before \u2581ab
    expect(tokenizer.encode('ab b')).toEqual([spaceAb, space, b]);
    expect(tokenizer.encode('é')).toEqual([space, 3 + 0xc3, 3 + 0xa9]);
    expect(tokenizer.encode('c', { special: true })).toEqual([1, space, c]);
    expect(tokenizer.decode([spaceAb, space, b, 3 + 0xc3, 3 + 0xa9])).toBe('ab bé');
    const bare = await tokenizerOf([...rows, gguf.flag('tokenizer.ggml.add_space_prefix', false)], pieces.length);
    expect(bare.encode('abab')).toEqual([ab, ab]);
    expect(bare.decode([ab, space, b])).toBe('ab b');
  });
});
