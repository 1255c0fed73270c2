import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { versions } from '../engine/engine.js';
import { version } from '../package.js';
import { pathpress, temporaryFolder } from './harness.mjs';
import { writeTinyModel } from './tiny-model.mjs';

vi.setConfig({ testTimeout: 60_000 });

const folder = temporaryFolder();
const model = join(folder.path, 'model');
beforeAll(() => writeTinyModel(model));
afterAll(folder.remove);

async function refused(args: (string | number)[], names: string[]): Promise<void> {
  const { status, out, err } = await pathpress(args);
  expect({ status, out }, err).toEqual({ status: 2, out: '' });
  for (const name of names) expect(err).toContain(name);
  expect(err).not.toMatch(/^ {4}at /m);
}

const generate = ['generate', '--prompt-ids', '5,6', '--max-tokens', 4];
const rpc = ['--policy', 'rpc'];
const cap = ['--policy', 'random', '--budget', 'cap'];

// Each row: flags, and what the message has to name.
describe.each<[(string | number)[], ...string[]]>([
  [['--policy', 'nonsense'], '--policy', 'nonsense'],
  [['--no-such-flag'], '--no-such-flag'],
  [[...rpc, '--window', 0], '--window', '0'],
  [[...rpc, '--window', 1.5], '--window', '1.5'],
  [[...rpc, '--interval', 0], '--interval', '0'],
  [[...rpc, '--interval', 'many'], '--interval', 'many'],
  [[...rpc, '--ratio', 0.5], '--ratio', '0.5'],
  [[...rpc, '--ratio', 'NaN'], '--ratio', 'NaN', 'a number.'],
  [[...rpc, '--ratio', 'Infinity'], '--ratio', 'Infinity'],
  [[...rpc, '--kernel', 4], '--kernel', '4'],
  [[...rpc, '--kernel', -1], '--kernel', '-1'],
  [[...rpc, '--pooling', 'sum'], '--pooling', 'sum'],
  [[...rpc, '--pooling', 'none', '--kernel', 7], '--kernel', '7'],
  [[...rpc, '--aggregation', 'token'], '--aggregation', 'token'],
  [[...rpc, '--selectors', 'none'], '--selectors', 'none'],
  [[...rpc, '--preset', 'paper'], '--preset', 'paper'],
  [[...rpc, '--draw', 'redraw'], '--draw', 'redraw', 'rpc'],
  [[...rpc, '--keep', 64], '--keep', '64'],
  [[...rpc, '--budget', 'cap'], '--keep'],
  [[...cap, '--keep', 8, '--window', 9], '--keep', '8'],
  [[...cap, '--keep', 4, '--window', 3], '--keep', '4'], // 2 of the prompt and 3 of the window
  [[...cap, '--keep', 40, '--ratio', 4], '--ratio', '4'],
  [['--policy', 'full', '--window', 8], '--window', '8', 'full'],
  [['--policy', 'full', '--pin-prompt'], '--pin-prompt', 'full'],
  [['--policy', 'recency', '--kernel', 7], '--kernel', '7', 'recency'],
  [['--policy', 'full', '--trace', 'x.jsonl'], '--trace', 'x.jsonl'],
  [['--policy', 'quest', '--keep', 32, '--trace', 'x.jsonl'], '--trace', 'x.jsonl'],
  [['--policy', 'h2o'], '--keep', 'cap needs it'],
  [['--policy', 'tova', '--keep', 24, '--interval', 8], '--interval', '8', 'every step'],
  [['--policy', 'tova', '--keep', 2, '--pin-prompt'], '--keep', '2'], // 2 of the prompt and the newest
  [['--policy', 'snapkv', '--keep', 24, '--pin-prompt'], '--pin-prompt', 'prompt only'],
  [['--policy', 'snapkv', '--budget', 'ratio'], '--budget', 'ratio', 'prefill'],
  [['--policy', 'adakv', '--keep', 24, '--floor', 2], '--floor', '2'],
  [['--policy', 'r-kv', '--keep', 24, '--lambda', 'half'], '--lambda', 'half'],
  [['--policy', 'quest', '--keep', 8], '--keep', '8', 'page'],
  [['--policy', 'quest', '--keep', 32, '--no-pin-prompt'], '--pin-prompt', 'evicts nothing'],
  [['--temperature', 'hot'], '--temperature', 'hot'],
  [['--temperature', -1], '--temperature', '-1'],
  [['--temperature', ''], '--temperature'],
  [['--temperature', 0, '--top-p', 0.9], '--top-p', '0.9'],
  [['--temperature', 0, '--top-k', 5], '--top-k', '5'],
  [['--top-p', 0], '--top-p', '0'],
  [['--top-p', 1.01], '--top-p', '1.01'],
  [['--top-k', -1], '--top-k', '-1'],
  [['--min-p', 2], '--min-p', '2'],
  [['--seed', -1], '--seed', '-1'],
  [['--seed', '1e3'], '--seed', '1e3'],
  [['--seed'], '--seed'],
  [['--max-tokens', 0], '--max-tokens', '0'],
  [['--max-tokens', 99999999999], '--max-tokens', '99999999999'],
  [['--threads', 0], '--threads', '0'],
  [['--device', 'cuda', '--cache', 'f32'], '--cache', 'f32', 'cuda'],
  [['--device', 'cuda', '--products', 'float32'], '--products', 'float32', 'cuda'],
  [['--device', 'tpu'], '--device', 'tpu'],
  [['--cache', 'int3'], '--cache', 'int3'],
  [['--cache', 'int4', ...rpc], 'int4', 'policy rpc', 'share a scale'],
  [['--cache', 'int8', '--policy', 'quest', '--keep', 64], 'int8', 'policy quest'],
  [['--stop', ''], '--stop'],
  [['--stop-ids', '1,,2'], '--stop-ids'],
  [['--stop-ids', -1], '-1'],
  [['--prompt', 'w1'], '--prompt', '--prompt-ids'],
  [['--chat'], '--chat', '--prompt-ids'],
  [['--trace', '/nowhere/at/all/t.jsonl', ...rpc], '--trace', '/nowhere/at/all'],
  [['stray'], 'generate'],
])('generate %j', (flags, ...names) => {
  it('is refused by name', () => refused([...generate, '--model', model, ...flags], names));
});

describe('prompts', () => {
  const run = (...args: (string | number)[]) => ['generate', '--model', model, '--max-tokens', 4, ...args];
  it.each<[(string | number)[], ...string[]]>([
    [run(), '--prompt'],
    [run('--prompt', ''), '--prompt'],
    [run('--prompt', 'a\uFFFDb'), '--prompt', 'UTF-8'],
    [run('--prompt', 'w1 unheard-of'), 'unheard-of'],
    [run('--prompt', ' \n '), '--prompt'],
    [run('--prompt', 'w1', '--chat'), 'chat template'],
    [run('--prompt-ids', ''), '--prompt-ids', 'a whole number.'],
    [run('--prompt-ids', '1,x'), '--prompt-ids', '1,x'],
    [run('--prompt-ids', '99999999'), '99999999'],
    [run('--prompt-ids', '64'), '64'],
    [run('--prompt-ids', '5,-1'), '-1'],
  ])('%j is refused', (args, ...names) => refused(args, names));
});

describe('a model folder', () => {
  let broken: string;
  let weights: string;
  beforeAll(() => {
    broken = join(folder.path, 'broken');
    cpSync(model, broken, { recursive: true });
    weights = join(broken, 'model.safetensors');
  });
  const run = () => [...generate, '--model', broken];

  it('may be missing', () => refused([...generate, '--model', join(folder.path, 'none')], ['--model', 'none']));

  it.each([0, 4, 100, 5000, -1])('may hold weights cut at %i', async (cut) => {
    copyFileSync(join(model, 'model.safetensors'), weights);
    const size = readFileSync(weights).length;
    truncateSync(weights, cut < 0 ? size + cut : cut);
    await refused(run(), ['model.safetensors']);
    copyFileSync(join(model, 'model.safetensors'), weights);
  });

  it('may hold NaN weights', async () => {
    const bytes = readFileSync(weights);
    bytes.writeFloatLE(Number.NaN, bytes.length - 8);
    writeFileSync(weights, bytes);
    await refused(run(), ['model.norm.weight']);
    copyFileSync(join(model, 'model.safetensors'), weights);
  });

  it.each<[string, string, string]>([
    ['config.json', '{', 'config.json'],
    ['config.json', '{}', 'config.json'],
    ['tokenizer.json', '{', 'tokenizer.json'],
    ['generation_config.json', '{"temperature": "hot"}', 'hot'],
  ])('may hold a %s of %j', async (name, content, named) => {
    writeFileSync(join(broken, name), content);
    await refused(run(), [named]);
    copyFileSync(join(model, name), join(broken, name));
  });

  it.each<[object, string]>([
    [{ model_type: 'mamba', architectures: ['MambaForCausalLM'] }, 'mamba'],
    [{ intermediate_size: 40 }, 'mlp.'],
    [{ num_key_value_heads: 3 }, 'num_key_value_heads'],
  ])('may have a config with %j that does not fit', async (change, named) => {
    const config = JSON.parse(readFileSync(join(model, 'config.json'), 'utf8')) as object;
    writeFileSync(join(broken, 'config.json'), JSON.stringify({ ...config, ...change }));
    await refused(run(), [named]);
    copyFileSync(join(model, 'config.json'), join(broken, 'config.json'));
  });
});

describe('eval', () => {
  const out = join(folder.path, 'records.jsonl');
  const run = (...args: (string | number)[]) => ['eval', '--model', model, '--task', 'loops', '--out', out, ...args];
  it.each<[(string | number)[], ...string[]]>([
    [['eval', '--model', model, '--task', 'loops'], '--out'],
    [['eval', '--model', model, '--out', out], '--task'],
    [['eval', '--model', model, '--out', out, '--task', 'chess'], '--task', 'chess', 'loops'],
    [['eval', '--model', model, '--out', out, '--task', 'constructor'], '--task', 'constructor'],
    [run('--problems', 0), '--problems', '0'],
    [run('--samples-per-problem', 0), '--samples-per-problem', '0'],
    [run('--batch', 0), '--batch', '0'],
    [run('--split', 'train'), '--split', 'train'],
    [run('--prompt', 'w1'), '--prompt'],
    [run('--policy', 'rpc', '--window', 0), '--window', '0'],
    [['eval', '--model', model, '--task', 'loops', '--out', '/nowhere/r.jsonl'], '--out', '/nowhere'],
    [['eval', '--model', model, '--task', 'loops', '--out', folder.path], '--out', 'not a regular file'],
    [run(), 'no token for'], // the tiny model has no words for the task
  ])('%j is refused, and leaves no file', async (args, ...names) => {
    await refused(args, names);
    expect(existsSync(out)).toBe(false);
  });
});

describe('the program', () => {
  it.each([
    [['--no-such']],
    [['nonsense']],
    [[]],
    [['notebook']],
    [['notebook', 'run']],
    [['notebook', 'run', 'x.txt']],
    [['notebook', 'install-kernel', '--prefix', '']],
    [['model']],
    [['model', 'fetch']],
    [['model', 'fetch', 'bert']],
    [['model', 'fetch', 'minilm', '--out', '']],
    [['reproduce', 'x']],
  ])('refuses %j', (args) => refused(args, []));

  it.each([[[]], [['generate']], [['analyze']], [['eval']], [['model', 'fetch']], [['model', 'import']], [['notebook', 'run']], [['reproduce']]])(
    '%j has help and a version',
    async (command) => {
      const help = await pathpress([...command, '--help']);
      expect(help).toMatchObject({ status: 0, err: '' });
      expect(help.out).toContain(`Usage: pathpress ${command.join(' ')}`.trim());
      const { engine, simd, cuda, whyNoCuda } = versions();
      const out = `${version}\nengine ${engine}, simd ${simd}, cuda ${cuda ? 'yes' : `no (${whyNoCuda})`}\n`;
      expect(await pathpress([...command, '--version'])).toEqual({ status: 0, out, err: '' });
    },
  );

  it('says where it put the kernel, in words and as JSON', async () => {
    const file = join(folder.path, 'share', 'jupyter', 'kernels', 'tslab', 'kernel.json');
    const install = ['notebook', 'install-kernel', '--prefix', folder.path];
    expect(await pathpress(install)).toEqual({ status: 0, out: `${file}\n`, err: '' });
    expect(await pathpress([...install, '--json'])).toEqual({ status: 0, out: `${JSON.stringify({ file })}\n`, err: '' });
  });

  it('fails with 1 where a file cannot be written, and leaves nothing of it', async () => {
    const closed = join(folder.path, 'closed');
    mkdirSync(closed);
    chmodSync(closed, 0o500);
    const args = [
      ...generate,
      '--model',
      model,
      '--policy',
      'rpc',
      '--interval',
      1,
      '--window',
      1,
      '--trace',
      join(closed, 't.jsonl'),
    ];
    const { status, err } = await pathpress(args);
    if (process.getuid?.() !== 0)
      expect({ status, err }).toMatchObject({ status: 1, err: expect.stringContaining('t.jsonl') });
    chmodSync(closed, 0o700);
    expect(readdirSync(closed).filter((name) => name.endsWith('.part'))).toEqual([]);
  });
});
