import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pathpress, temporaryFolder } from './harness.mjs';
import { writeTinyModel } from './tiny-model.mjs';

const folder = temporaryFolder();
const at = (name: string) => join(folder.path, name);
const tokenizer = at('model');
const rows = (...values: object[]) => values.map((value) => `${JSON.stringify(value)}\n`).join('');
beforeAll(() => writeTinyModel(tokenizer));
afterAll(folder.remove);

describe('analyze --json', () => {
  it('gives entropy by n and length, of text and of ids, packed or not', async () => {
    // 8 ids: w1 ×4, w2 ×2, w3, w4: 1.75 bits; the second output has one word: 0 bits.
    const text = 'w1 w1 w2 w1 w2 w3 w1 w4';
    const same = 'w1 '.repeat(8).trim();
    writeFileSync(at('text.jsonl'), rows({ prompt: 'a', output: text }, { prompt: 'b', output: same }));
    writeFileSync(
      at('ids.jsonl.gz'),
      gzipSync(rows({ prompt: 'a', ids: [5, 5, 6, 5, 6, 7, 5, 8] }, { prompt: 'b', ids: Array(8).fill(5) })),
    );
    const args = [
      'analyze',
      at('text.jsonl'),
      at('ids.jsonl.gz'),
      '--tokenizer',
      tokenizer,
      '--n',
      '1,2',
      '--lengths',
      '8,16',
      '--embedder',
      'none',
      '--json',
    ];
    const { status, out, err } = await pathpress(args);
    expect(status, err).toBe(0);
    const { files } = JSON.parse(out) as { files: any[] };
    expect(files.map(({ file, outputs, tokens }) => [file, outputs, tokens])).toEqual([
      [at('text.jsonl'), 2, 16],
      [at('ids.jsonl.gz'), 2, 16],
    ]);
    for (const { entropy } of files) {
      expect(entropy['1']['8']).toMatchObject({ mean: 0.875, outputs: 2 });
      expect(Object.keys(entropy['2'])).toEqual(['8']); // no output reaches 16
    }
  });

  it('has no interval where all outputs are of one prompt, and says why', async () => {
    writeFileSync(at('one.jsonl'), rows({ prompt: 'a', output: 'w1 w1 w2 w1 w2 w3 w1 w4' }, { prompt: 'a', output: 'w1 '.repeat(8).trim() }));
    const args = ['analyze', at('one.jsonl'), '--tokenizer', tokenizer, '--n', '1', '--lengths', '8', '--embedder', 'none'];
    const { status, out, err } = await pathpress(args);
    expect({ status, err }).toEqual({ status: 0, err: expect.stringContaining('intervals are over prompts') });
    expect(out).toMatch(/0\.8750 *│ – *│ 2 /);
    const { files } = JSON.parse((await pathpress([...args, '--json'])).out) as { files: any[] };
    expect(files[0].entropy['1']['8']).toMatchObject({ mean: 0.875, low: 0.875, high: 0.875, outputs: 2, prompts: 1 });
  });

  it('gives redundancy rates as shares', async () => {
    writeFileSync(
      at('sentences.jsonl'),
      rows({ prompt: 'a', output: `${'We check it. '.repeat(3)}Moons are far away.` }),
    );
    const args = [
      'analyze',
      at('sentences.jsonl'),
      '--tokenizer',
      tokenizer,
      '--n',
      '1',
      '--lengths',
      '4',
      '--embedder',
      'lexical',
      '--json',
    ];
    writeTinyModel(tokenizer, 'We check it. Moons are far away.'.split(' '));
    const { status, out, err } = await pathpress(args);
    expect(status, err).toBe(0);
    const [{ redundancy }] = (JSON.parse(out) as { files: any[] }).files;
    expect(redundancy).toMatchObject({ embedder: 'lexical', sentences: 4, sampled: 4, rate: { 1: 0.75, 2: 0, 4: 0 } });
  });
});

describe('analyze', () => {
  const good = () => {
    writeFileSync(at('good.jsonl'), rows({ ids: [1, 2, 3] }));
    return at('good.jsonl');
  };
  const file = (name: string, content: string | Buffer) => {
    writeFileSync(at(name), content);
    return at(name);
  };
  const none = ['--embedder', 'none'];
  it.each<[string, () => string[], ...string[]]>([
    ['an empty file', () => [file('empty.jsonl', ''), ...none], 'empty.jsonl', 'EMPTY_TRACE'],
    [
      'a broken line',
      () => [file('broken.jsonl', '{"id": "a", "output": "w1"}\nnot json\n'), ...none],
      'broken.jsonl',
      '2',
    ],
    ['a row of nothing', () => [file('nothing.jsonl', '{"id": "a"}\n'), ...none], 'nothing.jsonl', '1'],
    ['an id that is none', () => [file('ids.jsonl', '{"ids": [1, -2]}\n'), ...none], 'ids.jsonl', '-2'],
    [
      'an id beyond the vocabulary',
      () => [file('foreign.jsonl', '{"ids": [1]}\n{"ids": [99999]}\n'), ...none, '--tokenizer', tokenizer],
      'foreign.jsonl:2',
      '99999',
      'vocabulary of ',
    ],
    ['outputs without a token', () => [file('bare.jsonl', '{"ids": []}\n'), ...none], 'bare.jsonl', 'EMPTY_TRACE'],
    [
      'invalid UTF-8',
      () => [file('bytes.jsonl', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d, 0x0a])), ...none],
      'bytes.jsonl',
      'UTF-8',
    ],
    ['no gzip', () => [file('torn.jsonl.gz', 'plain'), ...none], 'torn.jsonl.gz'],
    ['a missing file', () => [at('missing.jsonl'), ...none], 'missing.jsonl'],
    ['a good file beside a missing one', () => [good(), at('missing.jsonl'), ...none], 'missing.jsonl'],
    ['text without a tokenizer', () => [file('text.jsonl', '{"output": "w1"}\n'), ...none], 'tokenizer'],
    [
      'a missing tokenizer',
      () => [file('text.jsonl', '{"output": "w1"}\n'), ...none, '--tokenizer', at('none')],
      'none',
      'tokenizer',
    ],
    ['no file', () => none, 'FILE'],
    ['an n of 0', () => [good(), '--n', '0'], '--n', '0'],
    ['a length of nothing', () => [good(), '--lengths', '512,'], '--lengths'],
    ['a length below n', () => [good(), '--n', '3', '--lengths', '2'], '--lengths', '2'],
    ['an unknown mode', () => [good(), '--mode', 'both'], '--mode', 'both'],
    ['an unknown embedder', () => [good(), '--embedder', 'bert'], '--embedder', 'bert'],
    ['a threshold above 1', () => [good(), '--threshold', '1.5'], '--threshold', '1.5'],
    ['a threshold without embedder', () => [good(), ...none, '--threshold', '0.5'], '--threshold', '0.5'],
    ['a sample without embedder', () => [good(), ...none, '--sample', '5'], '--sample', '5'],
    ['a sample of nothing', () => [good(), '--sample', '0'], '--sample', '0'],
    ['a flag of another command', () => [good(), '--policy', 'rpc'], '--policy'],
  ])('refuses %s', async (_, args, ...names) => {
    const { status, out, err } = await pathpress(['analyze', ...args(), '--json']);
    expect({ status, out }, err).toEqual({ status: 2, out: '' });
    for (const name of names) expect(err).toContain(name);
    expect(err).not.toMatch(/^ {4}at /m);
  });

  it.each([
    ['none', 200],
    ['lexical', 40],
  ])('ends with 130 when it is interrupted at work (%s)', async (embedder, many) => {
    writeTinyModel(tokenizer, 'We check it. Moons are far away.'.split(' '));
    const row = { output: 'We check it. Moons are far away. '.repeat(many) };
    const long = file(`long-${embedder}.jsonl`, rows(...Array(many).fill(row)));
    const stop = new AbortController();
    const args = ['analyze', long, '--tokenizer', tokenizer, '--lengths', '16', '--embedder', embedder, '--json'];
    setTimeout(() => stop.abort(), 20); // fires only if the work lets it
    expect(await pathpress(args, stop.signal)).toEqual({ status: 130, out: '', err: '' });
  });

  const real = '../shared/data/tokenizers/Qwen2.5';
  it.skipIf(!existsSync(real))('prints tables', async () => {
    const text = file('prose.jsonl', rows({ prompt: 'a', output: 'Wait, is that so? Yes, that is so. '.repeat(20) }));
    const { status, out } = await pathpress([
      'analyze',
      text,
      '--tokenizer',
      real,
      '--lengths',
      '64',
      '--embedder',
      'lexical',
    ]);
    expect(status).toBe(0);
    expect(out).toContain('1 outputs, ');
    expect(out).toMatch(/100\.0 % with more than 1.*lexical|lexical.*100\.0 % with more than 1/s);
    expect(out).toContain('40 of 40 sentences');
  });
});
