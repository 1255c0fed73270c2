import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../package.js';
import { policyNames } from '../policies/policies.js';
import { pathpress, temporaryFolder } from './harness.mjs';
import { writeTinyModel } from './tiny-model.mjs';

const folder = temporaryFolder();
const model = join(folder.path, 'model');
beforeAll(() => writeTinyModel(model));
afterAll(folder.remove);

const base = ['generate', '--model', model, '--prompt-ids', '1,2,3,4,5', '--ignore-eos'];
const rpc = ['--policy', 'rpc', '--interval', 16, '--window', 4, '--ratio', 4];

async function json(...args: (string | number)[]) {
  const { status, out, err } = await pathpress([...base, '--json', ...args]);
  expect(status, err).toBe(0);
  return JSON.parse(out) as Record<string, any>;
}

describe('generate --json', { timeout: 60_000 }, () => {
  it.each(['corrected', 'reference'])('gives the golden facts of the contract (%s)', async (preset) => {
    const result = await json(...rpc, '--preset', preset, '--max-tokens', 40, '--temperature', 0);
    expect(result.compressions).toEqual([
      { generated: 20, before: 25, after: 13 },
      { generated: 36, before: 29, after: 17 },
    ]);
    expect(result).toMatchObject({
      finish: 'length',
      promptTokens: 5,
      generatedTokens: 40,
      cache: { peakEntries: 29, finalEntries: 20 },
    });
    expect(result.cache.meanEntries).toBeCloseTo(711 / 39, 9);
    expect(result.ids).toHaveLength(40);
    for (const key of ['peakBytes', 'sideBytes']) expect(result.cache[key]).toBeGreaterThanOrEqual(0);
    for (const key of ['load', 'prefill', 'decode', 'compress']) expect(result.seconds[key]).toBeGreaterThanOrEqual(0);
  });

  it('gives the ids and the text that transformers gives', async () => {
    // Greedy ids of this checkpoint from [5, 6, 7] by Hugging Face transformers 5.23, float32.
    const wanted = [
      39, 39, 48, 48, 30, 30, 5, 38, 38, 38, 38, 38, 38, 38, 38, 38, 38, 38, 38, 58, 58, 58, 58, 58, 58, 58, 58, 58, 58,
      58,
    ];
    const { ids, text } = await json('--prompt-ids', '5,6,7', '--temperature', 0, '--max-tokens', 30);
    expect(ids).toEqual(wanted);
    expect(text).toBe(wanted.map((id) => `w${id - 4}`).join(' ')); // four special tokens come first
  });

  it('takes its sampling from the model where no flag says otherwise', async () => {
    const own = await json();
    expect(own.generatedTokens).toBe(48); // max_new_tokens of its generation_config.json
    expect((await json('--temperature', 0.8, '--top-p', 1, '--seed', 0)).ids).toEqual(own.ids);
    expect((await json('--seed', 1)).ids).not.toEqual(own.ids);
  });

  it('sums up the evictions of a policy that has one at every step', async () => {
    const result = await json('--policy', 'tova', '--keep', 12, '--max-tokens', 40, '--temperature', 0);
    expect(result.evictions).toEqual({ count: 32, first: 8, last: 39 }); // 5 of the prompt and 8 make 13
    expect(result).not.toHaveProperty('compressions');
    expect(result.cache).toMatchObject({ finalEntries: 12, peakEntries: 13 });
    const idle = await json('--policy', 'tova', '--keep', 64, '--max-tokens', 40, '--temperature', 0);
    expect(idle.evictions).toEqual({ count: 0, first: null, last: null });
  });

  it('names every policy in its help', async () => {
    const { out } = await pathpress(['generate', '--help']);
    for (const name of policyNames) expect(out).toMatch(new RegExp(`[ ,]${name}[,\\s]`));
  });

  it('traces the positions kept', async () => {
    const trace = join(folder.path, 'trace.jsonl');
    await json(...rpc, '--max-tokens', 40, '--trace', trace);
    const rows = readFileSync(trace, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, any>);
    expect(rows.map(({ generated, layer, head, positions }) => [generated, layer, head, positions.length])).toEqual([
      [20, 0, null, 13],
      [20, 1, null, 13],
      [36, 0, null, 17],
      [36, 1, null, 17],
    ]);
    for (const { generated, positions } of rows) {
      expect(positions).toEqual([...new Set(positions as number[])].sort((a, b) => a - b));
      expect(positions.slice(0, 5)).toEqual([0, 1, 2, 3, 4]);
      expect(positions.slice(-4)).toEqual([1, 2, 3, 4].map((k) => generated + k));
    }
  });
});

describe('generate', { timeout: 60_000 }, () => {
  it('cuts text, not ids, at the first stop string', async () => {
    const whole = await json('--temperature', 0, '--prompt-ids', '5,6,7', '--max-tokens', 30);
    const cut = await json(
      '--temperature',
      0,
      '--prompt-ids',
      '5,6,7',
      '--max-tokens',
      30,
      '--stop',
      'never',
      '--stop',
      'w26 w1',
    );
    expect(cut).toMatchObject({ finish: 'stop', generatedTokens: 7, text: 'w35 w35 w44 w44 w26 ' });
    expect(cut.ids).toEqual(whole.ids.slice(0, 7));
  });

  it('finds a stop string that the last permitted token completes', async () => {
    const flags = ['--temperature', 0, '--prompt-ids', '5,6,7', '--stop', 'w26 w1'];
    expect(await json(...flags, '--max-tokens', 7)).toMatchObject({ finish: 'stop', text: 'w35 w35 w44 w44 w26 ' });
    expect(await json(...flags, '--max-tokens', 6)).toMatchObject({ finish: 'length', generatedTokens: 6 });
  });

  it('leaves a stop id out', async () => {
    const result = await json('--temperature', 0, '--prompt-ids', '5,6,7', '--stop-ids', '60,5');
    expect(result).toMatchObject({ finish: 'stop', ids: [39, 39, 48, 48, 30, 30], generatedTokens: 6 });
  });

  it('streams the text that it prints at once', async () => {
    const plain = await pathpress([...base, '--temperature', 0]);
    const streamed = await pathpress([...base, '--temperature', 0, '--stream']);
    expect(streamed.out).toBe(plain.out);
    expect(plain.err).toMatch(/^48 tokens \(length\)/);
    const both = await pathpress([...base, '--temperature', 0, '--stream', '--json']);
    expect(`${JSON.parse(both.out).text}\n`).toBe(plain.out);
    expect(both.err).toContain(plain.out);
  });

  it('encodes a prompt of text', async () => {
    const { status, out } = await pathpress([
      'generate',
      '--model',
      model,
      '--prompt',
      '<bos> w1 w2',
      '--json',
      '--max-tokens',
      1,
    ]);
    expect({ status, tokens: JSON.parse(out).promptTokens }).toEqual({ status: 0, tokens: 3 });
  });

  it('says so when a policy never fired', async () => {
    const idle = await pathpress([...base, '--policy', 'rpc', '--json']);
    expect(idle).toMatchObject({
      status: 0,
      err: expect.stringContaining('policy rpc (interval 1024, window 32) never fired'),
    });
    expect((await pathpress([...base, ...rpc, '--json'])).err).toBe('');
  });

  it('says what generation_config.json asks for in vain', async () => {
    const asking = join(folder.path, 'asking');
    writeTinyModel(asking);
    const flags = ['generate', '--model', asking, '--prompt-ids', '1,2', '--max-tokens', 2];
    const config = join(asking, 'generation_config.json');
    const own = JSON.parse(readFileSync(config, 'utf8')) as object;
    writeFileSync(config, JSON.stringify({ ...own, repetition_penalty: 1.05, num_beams: 1 }));
    const { status, err } = await pathpress(flags);
    expect({ status, notes: err.match(/note: .*/g) }).toEqual({
      status: 0,
      notes: [`note: ${config} asks for repetition_penalty 1.05, which is not applied`],
    });
    const none = { repetition_penalty: 1, num_beams: 1, min_length: 0, suppress_tokens: null, guidance_scale: null };
    writeFileSync(config, JSON.stringify({ ...own, ...none }));
    expect((await pathpress(flags)).err).not.toContain('asks for');
    writeFileSync(config, JSON.stringify({ ...own, min_new_tokens: 3, bad_words_ids: [[1]] }));
    expect((await pathpress(flags)).err).toMatch(/bad_words_ids \[\[1\]\][^]*min_new_tokens 3/);
  });

  it('ends with 130 and what there is when it is interrupted', async () => {
    const stop = new AbortController();
    const trace = join(folder.path, 'interrupted.jsonl');
    const run = pathpress([...base, ...rpc, '--max-tokens', 1_000_000, '--trace', trace, '--json'], stop.signal);
    setTimeout(() => stop.abort(), 300);
    const { status, out } = await run;
    expect(status).toBe(130);
    const { finish, generatedTokens, ids } = JSON.parse(out);
    expect({ finish, generatedTokens }).toEqual({ finish: 'aborted', generatedTokens: ids.length });
    expect(existsSync(trace)).toBe(true);
  });

  const program = join(packageRoot, 'dist', 'cli.js');
  it.skipIf(!existsSync(program))('keeps the trace where the reader of the text goes', async () => {
    const trace = join(folder.path, 'unread.jsonl');
    const flags = [...base, ...rpc, '--max-tokens', 1_000_000, '--stream'].map(String);
    const until = async (args: string[]) => {
      const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
      let [shown, said] = ['', ''];
      child.stdout.on('data', (text) => (shown += String(text)).length > 200 && child.stdout.destroy());
      child.stderr.on('data', (text) => (said += String(text)));
      const [status] = (await once(child, 'exit')) as [number | null];
      return { status, said };
    };
    expect(await until([...flags, '--trace', trace])).toEqual({ status: 130, said: '' });
    expect(readFileSync(trace, 'utf8').split('\n').length).toBeGreaterThan(2);
    expect(await until(flags)).toEqual({ status: 0, said: '' }); // nothing else was to be kept
  });

  it('refuses a trace that could not be written before anything is generated, and prints before it writes', async () => {
    const trace = join(folder.path, 'taken');
    mkdirSync(`${trace}.${process.pid}.part`);
    const { status, out, err } = await pathpress([...base, ...rpc, '--max-tokens', 30, '--trace', trace, '--json']);
    expect({ status, out, err }).toEqual({ status: 1, out: '', err: expect.stringContaining(`--trace ${trace}: cannot be made`) });
    writeFileSync(trace, ''); // it is there, so that only writing fails
    const late = await pathpress([...base, ...rpc, '--max-tokens', 30, '--trace', trace, '--json']);
    expect(late).toMatchObject({ status: 1, err: expect.stringContaining('WRITE_FAILED') });
    expect(JSON.parse(late.out).generatedTokens).toBe(30);
  });
});
