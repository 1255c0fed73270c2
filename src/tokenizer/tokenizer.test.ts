import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadTokenizer, type Tokenizer } from './tokenizer.js';

const shared = '../shared/data/tokenizers'; // real tokenizers, not part of the project: tests skip where they are absent
const strings = [
  'Hello world',
  '你好,世界！',
  '👩‍🔬 done 😀',
  '\\frac{a}{b} = \\sqrt{2}',
  '<think>\nWait, 3.14159\n</think>\n\n42',
  '  spaces\tand\n\nlines  ',
  'naïve café Ünïcode ﬁ',
];

// Ids by the Python package tokenizers 0.22 (Rust) from the same tokenizer.json; `special` is 'Hello world' with special tokens.
const golden: Record<string, { size: number; special: number[]; ids: number[][] }> = {
  'QwQ-32B': {
    size: 151669,
    special: [9707, 1879],
    ids: [
      [9707, 1879],
      [108386, 11, 99489, 6313],
      [145233, 378, 235, 147948, 2814, 90316],
      [59, 37018, 90, 64, 15170, 65, 92, 284, 1124, 26888, 90, 17, 92],
      [151667, 198, 14190, 11, 220, 18, 13, 16, 19, 16, 20, 24, 198, 151668, 271, 19, 17],
      [220, 12621, 52477, 271, 7969, 256],
      [3376, 37572, 586, 51950, 30512, 77, 37572, 1851, 32495, 70731],
    ],
  },
  'DeepSeek-R1-Distill-Llama': {
    size: 128256,
    special: [128000, 9906, 1917],
    ids: [
      [9906, 1917],
      [57668, 53901, 11, 102616, 6447],
      [9468, 239, 102, 102470, 9468, 242, 105, 2884, 91416],
      [59, 38118, 90, 64, 15523, 65, 92, 284, 1144, 27986, 90, 17, 92],
      [128013, 198, 14524, 11, 220, 18, 13, 9335, 2946, 198, 128014, 271, 2983],
      [220, 12908, 53577, 271, 8128, 256],
      [3458, 38672, 588, 53050, 105766, 38672, 1889, 33595, 71831],
    ],
  },
};

describe.each(Object.keys(golden))('the real tokenizer %s', (name) => {
  const folder = join(shared, name);
  const absent = !existsSync(folder);
  const { size, special, ids } = golden[name];
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    if (!absent) tokenizer = await loadTokenizer(folder);
  });

  it.skipIf(absent)('gives the ids that Rust gives, and their text back', () => {
    expect(strings.map((text) => tokenizer.encode(text))).toEqual(ids);
    expect(ids.map((row) => tokenizer.decode(row))).toEqual(strings);
    expect(tokenizer.encode('Hello world', { special: true })).toEqual(special);
    expect(tokenizer.vocabSize).toBe(size);
  });

  it.skipIf(absent)('streams whole characters, one id at a time', () => {
    for (const row of ids) {
      const stream = tokenizer.stream();
      const pieces = [...row.map((id) => stream.push([id])), stream.end()];
      expect(pieces.join('')).toBe(tokenizer.decode(row));
      expect(pieces.filter((piece) => piece.includes('\uFFFD'))).toEqual([]);
    }
  });

  it.skipIf(absent)('streams random ids as they decode at once', () => {
    let state = 7;
    const draw = (n: number) => (state = (state * 48271) % 2147483647) % n;
    for (let round = 0; round < 60; ++round) {
      // Low ids are mostly single bytes: broken UTF-8 of every kind.
      const row = Array.from({ length: 60 }, () => draw(draw(2) ? 256 : size));
      const stream = tokenizer.stream();
      let text = '';
      for (let at = 0; at < row.length;) {
        const n = 1 + draw(3);
        text += stream.push(row.slice(at, at + n));
        at += n;
      }
      expect(text + stream.end()).toBe(tokenizer.decode(row));
    }
  });

  it.skipIf(absent)('applies its chat template', () => {
    const text = tokenizer.decode(tokenizer.applyChat([{ role: 'user', content: 'How many?' }]));
    expect(text).toContain('How many?');
    expect(text).toMatch(
      name === 'QwQ-32B' ? /<\|im_start\|>assistant\n(<think>\n)?$/ : /<｜Assistant｜>(<think>\n)?$/,
    );
  });
});

const wordLevel = {
  version: '1.0',
  added_tokens: ['<bos>', '<eos>', '<think>', '</think>'].map((content, id) => ({
    id,
    content,
    special: true,
    normalized: false,
  })),
  normalizer: null,
  pre_tokenizer: { type: 'WhitespaceSplit' },
  post_processor: null,
  decoder: null,
  model: {
    type: 'WordLevel',
    unk_token: '<unk>',
    vocab: { '<bos>': 0, '<eos>': 1, '<think>': 2, '</think>': 3, x: 4, '=': 5, '7': 6, '.': 7 },
  },
};

describe('a tokenizer of whole words', () => {
  let folder: string;
  const write = (name: string, content: string | Buffer) => writeFile(join(folder, name), content);
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pathpress-tokenizer-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('joins words by single spaces', async () => {
    await write('tokenizer.json', JSON.stringify(wordLevel));
    const tokenizer = await loadTokenizer(folder);
    const text = '<bos> x = 7 7 . <think> </think> x <eos>';
    const ids = tokenizer.encode(text);
    expect(ids).toEqual([0, 4, 5, 6, 6, 7, 2, 3, 4, 1]);
    expect(tokenizer.decode(ids)).toBe(text);
    expect(tokenizer.decode(ids, { skipSpecial: true })).toBe('x = 7 7 . x');
    expect(tokenizer.decode([])).toBe('');
    expect(tokenizer.decode([4, 99])).toBe('x');
    for (const skipSpecial of [false, true]) {
      const stream = tokenizer.stream({ skipSpecial });
      const many = [...ids, ...ids, ...Array<number>(30).fill(2), ...ids];
      const streamed = many.map((id) => stream.push([id])).join('') + stream.end();
      expect(streamed).toBe(tokenizer.decode(many, { skipSpecial }));
    }
    expect(tokenizer.vocabSize).toBe(8);
    expect(tokenizer.unknownId).toBeUndefined();
  });

  it('gives the unknown token for a word that it lacks, where the vocabulary has one', async () => {
    const model = { ...wordLevel.model, unk_token: '.' };
    await write('tokenizer.json', JSON.stringify({ ...wordLevel, model }));
    const tokenizer = await loadTokenizer(folder);
    expect(tokenizer.unknownId).toBe(7);
    expect(tokenizer.encode('x = 8')).toEqual([4, 5, 7]);
    await write('tokenizer.json', JSON.stringify(wordLevel));
  });

  it('has no unknown token where the configuration alone names one, as of models that spell every word', async () => {
    const other = await mkdtemp(join(folder, 'unknown-'));
    const model = { type: 'BPE', vocab: { a: 0, b: 1, '<end>': 2, '?': 3 }, merges: [] as string[] };
    const unknownOf = async (own: object, unk_token: unknown): Promise<number | undefined> => {
      await writeFile(join(other, 'tokenizer.json'), JSON.stringify({ ...wordLevel, added_tokens: [], model: { ...model, ...own } }));
      await writeFile(join(other, 'tokenizer_config.json'), JSON.stringify({ unk_token }));
      return (await loadTokenizer(other)).unknownId;
    };
    expect(await unknownOf({}, '<end>')).toBeUndefined();
    expect(await unknownOf({ unk_token: null }, '<end>')).toBeUndefined();
    expect(await unknownOf({ unk_token: '?' }, '<end>')).toBe(3);
    expect(await unknownOf({ type: 'WordLevel' }, { __type: 'AddedToken', content: 'b' })).toBe(1);
    expect((await loadTokenizer(other)).encode('a z')).toEqual([0, 1]);
    expect(await unknownOf({ type: 'Unigram', vocab: [['a', 0], ['?', -1]], unk_id: 1 }, undefined)).toBe(1);
  });

  it('refuses a word that it has no token for, by its name', async () => {
    const tokenizer = await loadTokenizer(folder);
    expect(() => tokenizer.encode('x = 8')).toThrow(
      expect.objectContaining({ code: 'BAD_PROMPT', message: expect.stringContaining('"8"') }),
    );
  });

  it('a post-processor of no shape is met at the first text, and the file is named', async () => {
    const post_processor = { type: 'TemplateProcessing', single: [10], pair: [], special_tokens: {} };
    await write('tokenizer.json', JSON.stringify({ ...wordLevel, post_processor }));
    const tokenizer = await loadTokenizer(folder);
    expect(() => tokenizer.encode('x = 7')).toThrow(
      expect.objectContaining({ code: 'BAD_TOKENIZER', message: expect.stringContaining('tokenizer.json: ') }),
    );
    await write('tokenizer.json', JSON.stringify(wordLevel));
  });

  it('says that it has no chat template', async () => {
    const tokenizer = await loadTokenizer(folder);
    expect(() => tokenizer.applyChat([{ role: 'user', content: 'x' }])).toThrow(
      expect.objectContaining({ code: 'BAD_TOKENIZER' }),
    );
  });

  it('takes a chat template from its own file', async () => {
    await write('chat_template.jinja', '{% for m in messages %}x = {{ m.content }}{% endfor %} <think>');
    const tokenizer = await loadTokenizer(folder);
    expect(tokenizer.applyChat([{ role: 'user', content: '7 .' }])).toEqual([4, 5, 6, 7, 2]);
    await write('tokenizer_config.json', JSON.stringify({ chat_template: '7' }));
    // As transformers 5.24 does.
    expect((await loadTokenizer(folder)).applyChat([{ role: 'user', content: '7 .' }])).toEqual([4, 5, 6, 7, 2]);
    await rm(join(folder, 'chat_template.jinja'));
    expect((await loadTokenizer(folder)).applyChat([{ role: 'user', content: '7 .' }])).toEqual([6]);
    await rm(join(folder, 'tokenizer_config.json'));
  });

  // What the published templates of the R1-Distill and Llama 3 models are made of, in a template of our own.
  it('applies templates with namespaces, methods, filters and tests', async () => {
    const template = [
      '{%- if not add_generation_prompt is defined %}{%- set add_generation_prompt = false %}{%- endif %}',
      '{%- set ns = namespace(system="", tools=false) -%}',
      '{%- if messages[0]["role"] == "system" %}{%- set ns.system = messages[0]["content"] | trim %}',
      '{%- set messages = messages[1:] %}{%- endif -%}',
      '{{- bos_token }}{{ " " + ns.system + " " }}{#- a remark #}',
      '{%- if date_string is not defined %}{%- set date_string = strftime_now("= .") %}{%- endif -%}{{ date_string }}',
      '{%- for message in messages %}{%- if message.role == "assistant" and message["tool_calls"] %} <eos>{%- endif %}',
      '{%- if message["content"] is not none %}{%- set content = message["content"] %}',
      '{%- if "</think>" in content %}{%- set content = content.split("</think>")[-1] %}{%- endif %}',
      '{{- " " + content }}{%- endif %}{%- if not loop.last %} .{%- endif %}{%- endfor %}',
      '{%- if add_generation_prompt and not ns.tools %}{{ " <think>" }}{%- endif %}',
    ];
    await write('chat_template.jinja', template.join('\n'));
    await write('tokenizer_config.json', JSON.stringify({ bos_token: { __type: 'AddedToken', content: '<bos>' } }));
    const tokenizer = await loadTokenizer(folder);
    const ids = tokenizer.applyChat([
      { role: 'system', content: ' 7 ' },
      { role: 'user', content: 'x' },
      { role: 'assistant', content: '7 7 </think> = 7' },
      { role: 'user', content: 'x x' },
    ]);
    expect(tokenizer.decode(ids)).toBe('<bos> 7 = . x . = 7 . x x <think>'); // as by transformers 5.24
    await rm(join(folder, 'chat_template.jinja'));
    await rm(join(folder, 'tokenizer_config.json'));
  });

  const { vocab } = wordLevel.model;
  it.each<[string, string | Buffer, string, RegExp]>([
    ['no JSON', '{', 'BAD_TOKENIZER', /tokenizer\.json: not JSON/],
    ['an empty file', '', 'BAD_TOKENIZER', /not JSON/],
    ['a list', '[]', 'BAD_TOKENIZER', /not a JSON object/],
    ['null', 'null', 'BAD_TOKENIZER', /not a JSON object/],
    ['no model', '{}', 'BAD_TOKENIZER', /no "model"/],
    ['no vocabulary', '{"model":{"type":"BPE"}}', 'BAD_TOKENIZER', /no "model\.vocab"/],
    ['no merges', '{"model":{"type":"BPE","vocab":{}}}', 'BAD_TOKENIZER', /no "model\.merges"/],
    ['a text as id', JSON.stringify({ model: { vocab: { ...vocab, y: '9' } } }), 'BAD_TOKENIZER', /"y" the id "9"/],
    ['a negative id', JSON.stringify({ model: { vocab: { ...vocab, y: -1 } } }), 'BAD_TOKENIZER', /"y" the id -1/],
    ['a fractional id', JSON.stringify({ model: { vocab: { ...vocab, y: 0.5 } } }), 'BAD_TOKENIZER', /0\.5/],
    ['scores missing', '{"model":{"type":"Unigram","vocab":[["a",0],["b"]]}}', 'BAD_TOKENIZER', /row 1/],
    [
      'added tokens of no shape',
      JSON.stringify({ ...wordLevel, added_tokens: [{ id: 1 }] }),
      'BAD_TOKENIZER',
      /"added_tokens" holds/,
    ],
    [
      'an unknown pre-tokenizer',
      JSON.stringify({ ...wordLevel, pre_tokenizer: { type: 'Nope' } }),
      'BAD_TOKENIZER',
      /Nope/,
    ],
    ['invalid UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'BAD_UTF8', /tokenizer\.json: not valid UTF-8/],
  ])('refuses a file with %s', async (_, content, code, message) => {
    await write('tokenizer.json', content);
    await expect(loadTokenizer(folder)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('refuses a broken tokenizer_config.json and a missing folder', async () => {
    await write('tokenizer.json', JSON.stringify(wordLevel));
    await write('tokenizer_config.json', '{"a":');
    await expect(loadTokenizer(folder)).rejects.toMatchObject({
      code: 'BAD_TOKENIZER',
      message: expect.stringContaining('tokenizer_config.json'),
    });
    await expect(loadTokenizer(join(folder, 'none'))).rejects.toMatchObject({
      code: 'BAD_TOKENIZER',
      message: expect.stringContaining('no such file'),
    });
  });
});
