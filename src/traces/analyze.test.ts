import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { analyzeFiles, drawOutputs } from './analyze.js';
import { loadTrace } from './tokenize.js';

const words = ['[UNK]', 'a', 'b', 'c', 'd', '.', 'Wait', ','];
const tokenizer = {
  version: '1.0',
  added_tokens: [],
  pre_tokenizer: { type: 'Whitespace' },
  model: { type: 'WordLevel', unk_token: '[UNK]', vocab: Object.fromEntries(words.map((word, id) => [word, id])) },
};

describe('analyze', { timeout: 60000 }, () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'pathpress-'));
    writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const trace = (rows: object[], name = 't.jsonl'): string => {
    writeFileSync(join(folder, name), rows.map((row) => JSON.stringify(row)).join('\n'));
    return join(folder, name);
  };

  it('gives the contract’s shape: entropy by n and length, redundancy by N', async () => {
    const file = trace([
      { prompt: 'p', output: 'a b a b . Wait , a c .' }, // 10 ids: 1 2 1 2 5 6 7 1 3 5
      { prompt: 'q', output: 'd . d . d . d .' }, // 8 ids, 4 equal sentences
      { prompt: 'r', ids: [1, 2] },
    ]);
    const report = await analyzeFiles([file], {
      tokenizer: folder,
      n: [1, 2],
      lengths: [2, 4, 8, 16],
      embedder: 'lexical',
      similar: [1, 2, 4],
    });
    expect(report).toMatchObject({ mode: 'matched', files: [{ file, outputs: 3, tokens: 20 }] });
    const [{ entropy, redundancy }] = report.files;
    expect(Object.keys(entropy)).toEqual(['1', '2']);
    expect(Object.keys(entropy[1])).toEqual(['2', '4', '8']); // nothing reaches 16
    expect(entropy[1][4]).toMatchObject({ mean: 1, low: 1, high: 1, outputs: 2, share: 2 / 3, overCeiling: 0.5 });
    expect(entropy[1][2].outputs).toBe(3);
    // Sentences: 2, 4 and 1 ("a b"); the second output's four are alike, so each has 3 similar others.
    expect(redundancy).toEqual({
      embedder: 'lexical',
      sentences: 7,
      sampled: 7,
      threshold: 0.75,
      rate: { 1: 1 / 3, 2: 1 / 3, 4: 0 },
    });
    const paper = await analyzeFiles([file], {
      tokenizer: folder,
      n: [1],
      lengths: [16],
      mode: 'paper',
      embedder: 'none',
    });
    expect(paper.files[0].entropy[1][16].outputs).toBe(3);
    expect(paper.files[0].redundancy).toBeUndefined();
    expect(JSON.parse(JSON.stringify(paper))).toEqual(paper);
  });

  it('an output without a sentence is left out of the rate; none at all gives null', async () => {
    const options = { tokenizer: folder, lengths: [1], n: [1], embedder: 'lexical' as const, similar: [1] };
    const some = await analyzeFiles([trace([{ output: 'a b . a b . a b .' }, { output: '...' }])], options);
    expect(some.files[0].redundancy).toMatchObject({ sentences: 3, rate: { 1: 1 } });
    const none = await analyzeFiles([trace([{ output: '.' }])], options);
    expect(none.files[0].redundancy).toMatchObject({ sentences: 0, sampled: 0, rate: { 1: null } });
  });

  it('the mean over a draw is that over all outputs, long or short', () => {
    // By the rule's own argument exact over all orders; here over 40,000 seeds, of which the mean is within 4 standard errors.
    const sentences = [1, 1, 1, 2, 5, 9, 14];
    const means = Array.from({ length: 40_000 }, (_, seed) => {
      const drawn = drawOutputs(sentences, 12, seed);
      return drawn.reduce((sum, i) => sum + sentences[i], 0) / drawn.length;
    });
    const middle = means.reduce((sum, one) => sum + one, 0) / means.length;
    const spread = Math.sqrt(means.reduce((sum, one) => sum + (one - middle) ** 2, 0) / means.length);
    expect(Math.abs(middle - 33 / 7)).toBeLessThan((4 * spread) / Math.sqrt(means.length)); // taking the one beyond along: 6.69
  });

  it('samples whole outputs by seed, at most as many sentences as asked for', async () => {
    const sentences = Array.from({ length: 40 }, (_, i) => 1 + (i % 5));
    const drawn = drawOutputs(sentences, 30, 1);
    const total = drawn.reduce((sum, i) => sum + sentences[i], 0);
    expect(total).toBeLessThanOrEqual(30);
    expect(total).toBeGreaterThan(25);
    expect(new Set(drawn).size).toBe(drawn.length);
    expect(drawOutputs(sentences, 30, 1)).toEqual(drawn);
    expect(drawOutputs(sentences, 30, 2)).not.toEqual(drawn);
    expect(drawOutputs(sentences, 1000, 1)).toHaveLength(40);
    expect(drawOutputs([0, 3], 1, 0)).toEqual([1]);
    const file = trace(Array.from({ length: 20 }, () => ({ output: 'a b . c d .' })));
    const report = await analyzeFiles([file], {
      tokenizer: folder,
      lengths: [1],
      n: [1],
      embedder: 'lexical',
      sample: 9,
    });
    expect(report.files[0].redundancy).toMatchObject({ sentences: 40, sampled: 8 });
  });

  it('counts ids of words that the tokenizer lacks, from the cache too', async () => {
    writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify({ unk_token: '[UNK]' }));
    const cache = join(folder, 'cache');
    const file = trace([{ output: 'a horse . my kingdom' }, { ids: [0, 1] }]);
    for (let i = 0; i < 2; i++) {
      const { unknown, rows } = await loadTrace(file, { tokenizer: folder, cache });
      expect(rows.map((row) => [...row.ids])).toEqual([[1, 0, 5, 0, 0], [0, 1]]);
      expect(unknown).toBe(3);
    }
    const [report] = (await analyzeFiles([file], { tokenizer: folder, lengths: [1], n: [1], embedder: 'none' })).files;
    expect(report).toMatchObject({ tokens: 7, unknown: 3 });
  });

  it('keeps ids by content: the same from the cache, anew where file, tokenizer or cache changed', async () => {
    const cache = join(folder, 'cache');
    const file = trace([{ output: 'a b' }, { ids: [7] }, { output: '' }]);
    const ids = async (): Promise<number[][]> =>
      (await loadTrace(file, { tokenizer: folder, cache })).rows.map((row) => [...row.ids]);
    expect(await ids()).toEqual([[1, 2], [7], []]);
    const [kept] = readdirSync(cache).map((name) => join(cache, name));
    expect(await ids()).toEqual([[1, 2], [7], []]);
    expect(readdirSync(cache)).toHaveLength(1);
    const bytes = readFileSync(kept);
    for (let size = 0; size < bytes.length; size += 5) {
      writeFileSync(kept, bytes);
      truncateSync(kept, size);
      expect(await ids()).toEqual([[1, 2], [7], []]);
    }
    bytes[12] ^= 1; // an id
    writeFileSync(kept, bytes);
    expect(await ids()).toEqual([[1, 2], [7], []]);
    const swapped = { ...tokenizer, model: { ...tokenizer.model, vocab: { ...tokenizer.model.vocab, a: 2, b: 1 } } };
    writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(swapped));
    expect(await ids()).toEqual([[2, 1], [7], []]);
    trace([{ output: 'b' }, { ids: [7] }, { output: '' }]);
    expect(await ids()).toEqual([[1], [7], []]);
    expect(readdirSync(cache)).toHaveLength(3);
  });

  it('of pipes too: what was read counts, not what a second look at the path would show', async () => {
    const cache = join(folder, 'cache');
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const ids = async (text: string): Promise<number[]> => {
      const writer = spawn('sh', ['-c', `echo '{"output": "${text}"}' > ${pipe}`]);
      const [trace] = await Promise.all([loadTrace(pipe, { tokenizer: folder, cache }), once(writer, 'exit')]);
      return [...trace.rows[0].ids];
    };
    expect(await ids('a b')).toEqual([1, 2]);
    expect(await ids('c d')).toEqual([3, 4]);
    expect(await ids('a b')).toEqual([1, 2]);
    expect(readdirSync(cache)).toHaveLength(2);
  });

  it('texts of rows of ids are decoded; without a tokenizer that is said', async () => {
    const file = trace([{ ids: [1, 2, 5] }]);
    const report = await analyzeFiles([file], { tokenizer: folder, lengths: [1], n: [1], embedder: 'lexical' });
    expect(report.files[0].redundancy!.sentences).toBe(1);
    expect((await analyzeFiles([file], { lengths: [1], n: [1], embedder: 'none' })).files[0].tokens).toBe(3);
    await expect(analyzeFiles([file], { lengths: [1], n: [1], embedder: 'lexical' })).rejects.toThrow(
      /t\.jsonl:1: the text of a row of ids needs a tokenizer/,
    );
    await expect(analyzeFiles([trace([{ output: 'a' }])], { embedder: 'none' })).rejects.toThrow(
      /t\.jsonl:1: a row of text needs a tokenizer/,
    );
  });

  it('refuses ids beyond the tokenizer’s vocabulary, where one is named', async () => {
    const file = trace([{ output: 'a' }, { output: 'b', ids: [1, 7] }, { ids: [2, 8, 9] }]);
    await expect(analyzeFiles([file], { tokenizer: folder, embedder: 'none' })).rejects.toMatchObject({
      code: 'BAD_FILE',
      message: expect.stringMatching(/t\.jsonl:3: "ids" holds 8, beyond the vocabulary of 8 /),
    });
    expect((await analyzeFiles([trace([{ ids: [8] }])], { embedder: 'none' })).files[0].tokens).toBe(1);
  });

  it('refuses a file in which no output has a token', async () => {
    const file = trace([{ output: '' }, { output: ' ' }, { ids: [] }]);
    await expect(analyzeFiles([file], { tokenizer: folder, embedder: 'none' })).rejects.toMatchObject({
      code: 'EMPTY_TRACE',
      message: expect.stringMatching(/t\.jsonl: no output has a token/),
    });
  });

  it('refuses options out of range, and a bad file before anything is embedded', async () => {
    const file = trace([{ output: 'a' }]);
    const refuse = (options: object): Promise<unknown> =>
      analyzeFiles([file], { tokenizer: folder, embedder: 'none', ...options });
    await expect(refuse({ mode: 'x' })).rejects.toMatchObject({ code: 'BAD_OPTION' });
    await expect(refuse({ threshold: 2 })).rejects.toThrow(/threshold .* not 2/);
    await expect(refuse({ sample: 0 })).rejects.toThrow(/sample .* not 0/);
    await expect(refuse({ similar: [0.5] })).rejects.toThrow(/similar .* not 0.5/);
    await expect(refuse({ seed: 0.5 })).rejects.toThrow(/seed .* not 0.5/);
    writeFileSync(join(folder, 'broken.jsonl'), 'not json');
    let progress = 0;
    const both = analyzeFiles([file, join(folder, 'broken.jsonl')], {
      tokenizer: folder,
      embedder: 'lexical',
      onProgress: () => progress++,
    });
    await expect(both).rejects.toMatchObject({ code: 'BAD_JSON' });
    expect(progress).toBe(0);
  });
});
