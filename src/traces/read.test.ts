import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readTrace, type TraceRow } from './read.js';

describe('reading traces', { timeout: 60000 }, () => {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'pathpress-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const read = async (content: string | Buffer, name = 't.jsonl'): Promise<TraceRow[]> => {
    const file = join(folder, name);
    writeFileSync(file, content);
    const rows: TraceRow[] = [];
    for await (const row of readTrace(file)) rows.push(row);
    return rows;
  };

  it('takes text, ids or both; the prompt, the problem or the line clusters', async () => {
    const rows = await read(
      '{"output": "a", "prompt": "p"}\n\n{"ids": [1, 2], "problem": 7}\r\n  \n{"output": "", "ids": []}',
    );
    expect(rows).toEqual([
      { line: 1, prompt: 'p', output: 'a', ids: undefined },
      { line: 3, prompt: 'problem 7', output: undefined, ids: Int32Array.of(1, 2) },
      { line: 5, prompt: 'line 5', output: '', ids: new Int32Array(0) },
    ]);
  });

  it('lines that cross read buffers, and characters that do', async () => {
    const texts = ['é'.repeat(70001), '日本'.repeat(50000), 'x'];
    const rows = await read(texts.map((output) => JSON.stringify({ output })).join('\n'));
    expect(rows.map(({ output }) => output)).toEqual(texts);
  });

  it('gzip, in several members too', async () => {
    const member = (text: string): Buffer => gzipSync(`${JSON.stringify({ output: text })}\n`);
    expect(await read(Buffer.concat([member('one'), member('two')]), 't.jsonl.gz')).toMatchObject([
      { output: 'one' },
      { output: 'two' },
    ]);
  });

  it.each<[string, string | Buffer, string, RegExp]>([
    ['a broken line', '{"output": "x"}\nnot json\n', 'BAD_JSON', /t\.jsonl:2: /],
    ['a line cut short', '{"output": "x"}\n{"output": "y', 'BAD_JSON', /t\.jsonl:2: /],
    ['a list', '[1]', 'BAD_JSON', /:1: not a JSON object: \[1\]/],
    ['null', 'null', 'BAD_JSON', /:1: not a JSON object/],
    [
      'invalid UTF-8',
      Buffer.concat([Buffer.from('{"output": "x"}\n{"output": "'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
      'BAD_UTF8',
      /:2: not valid UTF-8/,
    ],
    ['a lone continuation byte', Buffer.from([0x80]), 'BAD_UTF8', /:1: /],
    ['nothing', '', 'EMPTY_TRACE', /t\.jsonl: no rows/],
    ['blank lines alone', '\n \n\n', 'EMPTY_TRACE', /no rows/],
    ['neither text nor ids', '{"text": "x"}', 'BAD_FILE', /:1: neither "output" nor "ids"/],
    ['a number for text', '{"output": 5}', 'BAD_FILE', /"output" is no text: 5/],
    ['null for text', '{"output": null}', 'BAD_FILE', /"output" is no text: null/],
    ['text for ids', '{"ids": "1,2"}', 'BAD_FILE', /"ids" is no list/],
    ['a fraction', '{"ids": [1, 2.5]}', 'BAD_FILE', /"ids" holds 2.5 at 1/],
    ['a negative id', '{"ids": [-1]}', 'BAD_FILE', /holds -1 at 0/],
    ['an id beyond 31 bits', '{"ids": [2147483648]}', 'BAD_FILE', /holds 2147483648 at 0/],
    ['a word among ids', '{"ids": [1, "2"]}', 'BAD_FILE', /holds "2" at 1/],
    ['null among ids', '{"ids": [null]}', 'BAD_FILE', /holds null at 0/],
  ])('%s: a typed error with the place', async (_, content, code, message) => {
    await expect(read(content)).rejects.toMatchObject({
      name: 'PathPressError',
      code,
      message: expect.stringMatching(message),
    });
  });

  it('gzip cut at any byte, damaged, or no gzip at all: BAD_FILE, never a shorter trace', async () => {
    const whole = gzipSync(
      Array.from({ length: 20 }, (_, i) => JSON.stringify({ output: `row ${i} ${Math.sin(i)}` })).join('\n'),
    );
    for (let size = 1; size < whole.length; size += 3) {
      await expect(read(whole.subarray(0, size), 't.jsonl.gz'), `cut at ${size}`).rejects.toMatchObject({
        code: 'BAD_FILE',
      });
    }
    const damaged = Buffer.from(whole);
    damaged[whole.length - 6] ^= 255; // the checksum
    await expect(read(damaged, 't.jsonl.gz')).rejects.toMatchObject({
      code: 'BAD_FILE',
      message: expect.stringMatching(/t\.jsonl\.gz: broken or truncated gzip/),
    });
    await expect(read('{"output": "x"}', 't.jsonl.gz')).rejects.toMatchObject({ code: 'BAD_FILE' });
  });

  it('no such file, and a folder', async () => {
    const all = async (file: string): Promise<void> => {
      for await (const row of readTrace(file)) expect(row).toBeUndefined();
    };
    await expect(all(join(folder, 'none.jsonl'))).rejects.toMatchObject({
      code: 'BAD_FILE',
      message: expect.stringMatching(/none\.jsonl: no such file/),
    });
    await expect(all(join(folder, 'none.jsonl.gz'))).rejects.toMatchObject({ code: 'BAD_FILE' });
    await expect(all(folder)).rejects.toMatchObject({ code: 'BAD_FILE', message: expect.stringMatching(/EISDIR/) });
  });

  it('a reader that stops early closes the file', async () => {
    writeFileSync(join(folder, 'long.jsonl'), '{"output": "x"}\n'.repeat(100000));
    for await (const row of readTrace(join(folder, 'long.jsonl'))) if (row.line === 3) break;
  });
});
