import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../package.js';
import { armsOf } from './arms.js';
import { readSweepFile, type SweepFile } from './file.js';

const folder = mkdtempSync(join(tmpdir(), 'pathpress-sweep-file-'));
afterAll(() => rmSync(folder, { recursive: true }));

const sound = { name: 's', models: ['m'], tasks: [{ name: 'loops' }], policies: [{ name: 'full' }] };
const path = join(folder, 'sweep.json');
async function read(content: string | Buffer | object) {
  writeFileSync(path, typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content));
  const { file, hash } = await readSweepFile(path);
  return { file, hash, arms: armsOf(file, path) };
}
const armsFor = async (...policies: object[]) => (await read({ ...sound, policies })).arms;

describe('the sweep files of records', () => {
  // A default that is new would make every record one of other options, and the notebooks refuse them.
  it.each(['05-adaptive', '08-score', '08-random-attention'])('of %s are read as they were when it was made', async (name) => {
    const data = join(packageRoot, 'data');
    const { options } = JSON.parse(readFileSync(join(data, 'records', `${name}.json`), 'utf8')) as { options: { sweeps: SweepFile[] } };
    for (const sweep of options.sweeps) expect((await readSweepFile(join(data, 'sweeps', `${sweep.name}.json`))).file).toEqual(sweep);
  });
});

describe('a sweep file', () => {
  it('has the defaults of eval', async () => {
    const { file, hash } = await read(sound);
    expect(file).toEqual({
      ...sound,
      tasks: [{ name: 'loops', split: 'tune', problems: 200, samplesPerProblem: 1 }],
      seeds: [0],
      sampling: {},
    });
    // printf '%s' '{"name":"s","models":["m"],"tasks":[{"name":"loops"}],"policies":[{"name":"full"}]}' | sha256sum
    expect(hash).toBe('651e6dc674ad2ee5e2a59e86ab42f88244d824285a5c532913469806497f1e94');
  });

  it.each<[string, string | Buffer | object, string, (string | RegExp)[]]>([
    ['what is no JSON', '{"name": "s",\n"models": [}', 'BAD_JSON', [/sweep\.json line 2: not JSON/]],
    ['what is no UTF-8', Buffer.from([0x7b, 0xff]), 'BAD_UTF8', ['sweep.json']],
    ['a key twice', '{"name": "s",\n"models": ["a"],\n"m\\u006fdels": ["b"]}', 'BAD_JSON', [/sweep\.json line 3: key "models" stands twice/]],
    ['a list', [], 'BAD_SWEEP', ['the file []']],
    ['an empty object', {}, 'BAD_SWEEP', ['name missing: must be a text', 'models missing: must be a list', 'tasks missing', 'policies missing']],
    ['a name that is no name of a folder', { ...sound, name: 'a/b' }, 'BAD_SWEEP', ['name "a/b": may hold letters, digits']],
    ['no model', { ...sound, models: [] }, 'BAD_SWEEP', ['models []: must not be empty']],
    ['an unknown key', { ...sound, polices: [] }, 'BAD_SWEEP', ['polices: unknown']],
    ['an unknown key of a task', { ...sound, tasks: [{ name: 'loops', problem: 3 }] }, 'BAD_SWEEP', ['tasks[0].problem: unknown']],
    ['the training split', { ...sound, tasks: [{ name: 'loops', split: 'train' }] }, 'BAD_SWEEP', ['tasks[0].split "train": must be tune or test']],
    ['no problems', { ...sound, tasks: [{ name: 'loops', problems: 0 }] }, 'BAD_SWEEP', ['tasks[0].problems 0: must be at least 1']],
    ['half a sample', { ...sound, tasks: [{ name: 'loops', samplesPerProblem: 1.5 }] }, 'BAD_SWEEP', ['tasks[0].samplesPerProblem 1.5: must be a whole number']],
    ['a negative seed', { ...sound, seeds: [0, -1] }, 'BAD_SWEEP', ['seeds[1] -1: must be at least 0']],
    ['a hot sampling', { ...sound, sampling: { temperature: 'hot', topP: 0 } }, 'BAD_SWEEP', ['sampling.temperature "hot": must be a number', 'sampling.topP 0: must be above 0']],
    ['a policy without a name', { ...sound, policies: [{ interval: 3 }] }, 'BAD_SWEEP', ['policies[0].name missing: must be a text']],
    ['a comma in an arm, which --contrast A,B could not name', { ...sound, policies: [{ name: 'full', arm: 'a, b' }] }, 'BAD_SWEEP', ['policies[0].arm "a, b": may hold no comma']],
    ['texts in place of objects', { ...sound, tasks: ['loops'], policies: ['rpc'], sampling: 'hot' }, 'BAD_SWEEP', ['tasks[0] "loops": must be an object', 'policies[0] "rpc": must be an object', 'sampling "hot": must be an object']],
    ['an unknown policy', { ...sound, policies: [{ name: 'full' }, { name: 'fool' }] }, 'BAD_SWEEP', ['policies[1].name "fool": unknown; there are full, rpc']],
    ['many mistakes in one policy', { ...sound, policies: [{ name: 'rpc', window: 0, pooling: 'mid', interval: '8', size: 3 }] }, 'BAD_SWEEP', ['policies[0].window 0: must be at least 1', 'policies[0].pooling "mid": must be one of avg, max, none', 'policies[0].interval "8": must be a whole number', 'policies[0].size 3: policy rpc does not use it']],
    ['a cache and an option that are none, and empty lists', { ...sound, policies: [{ name: 'rpc', cache: 'f64', interval: -1 }, { name: 'rpc', interval: [], window: [] }] }, 'BAD_SWEEP', ['policies[0].cache "f64"', 'policies[0].interval -1', 'policies[1].interval []', 'policies[1].window []']],
    ['policies that do not hold', { ...sound, policies: [{ name: 'rpc', window: [0, 8], kernel: [4, 7] }, { name: 'full', window: 8 }] }, 'BAD_SWEEP', ['policies[0].window 0: must be at least 1', 'policies[0].kernel 4: must be odd', 'policies[1].window 8: policy full does not use it']],
    ['problems that are none', { ...sound, policies: [{ name: 'full', problems: 0 }] }, 'BAD_SWEEP', ['policies[0].problems 0: must be at least 1']],
    ['an empty list', { ...sound, policies: [{ name: 'rpc', window: [] }] }, 'BAD_SWEEP', ['policies[0].window []: must not be empty']],
    ['a cache that is none', { ...sound, policies: [{ name: 'full', cache: 'f64' }] }, 'BAD_SWEEP', ['policies[0].cache "f64": must be one of f32, bf16']],
    ['a draw of a policy without lots', { ...sound, policies: [{ name: 'recency', drawSeed: [1, 2] }] }, 'BAD_SWEEP', ['policies[0].drawSeed 1: policy recency does not use it']],
    ['the same policy twice', { ...sound, policies: [{ name: 'rpc' }, { name: 'rpc', arm: 'again', ratio: 4 }] }, 'BAD_SWEEP', ['policies[1]: the same policy as policies[0] (arm "again")']],
    ['the same value twice', { ...sound, policies: [{ name: 'random', drawSeed: [1, 1] }] }, 'BAD_SWEEP', ['policies[0]: lists a value twice']],
    ['two policies of one name', { ...sound, policies: [{ name: 'rpc' }, { name: 'rpc', ratio: 2 }] }, 'BAD_SWEEP', ['policies[1]: arm "rpc" is the name of policies[0] too: give one of them an "arm" of its own']],
    ['more than fits a lifetime', { ...sound, policies: [{ name: 'rpc', ...Object.fromEntries(['interval', 'window', 'ratio', 'kernel', 'keep'].map((key) => [key, Array.from({ length: 9 }, (_, i) => i)])) }] }, 'BAD_SWEEP', ['policies[0]: its lists make 59049 arms; at most 10000']],
  ])('with %s is refused', async (_, content, code, said) => {
    for (const what of said) {
      await expect(read(content)).rejects.toMatchObject({
        code,
        exitStatus: 2,
        message: typeof what === 'string' ? expect.stringContaining(what) : expect.stringMatching(what),
      });
    }
  }); // prettier-ignore

  it('that is not there is refused', async () => {
    await expect(readSweepFile(join(folder, 'none.json'))).rejects.toMatchObject({ code: 'BAD_FILE', message: expect.stringContaining('none.json') });
    await expect(readSweepFile(folder)).rejects.toMatchObject({ code: 'BAD_FILE' });
  });
});

describe('arms', () => {
  it('are every combination of the lists, named by what was listed', async () => {
    const arms = await armsFor({ name: 'rpc', interval: [64, 128], window: [8, 16], ratio: 2 }, { name: 'full' });
    expect(arms.map(({ name }) => name)).toEqual([
      'rpc interval=64 window=8',
      'rpc interval=64 window=16',
      'rpc interval=128 window=8',
      'rpc interval=128 window=16',
      'full',
    ]);
    expect(arms[1]!.policy).toMatchObject({ name: 'rpc', interval: 64, window: 16, ratio: 2, kernel: 7 });
  });

  it('take a name of their own; draws share it, caches do not', async () => {
    const arms = await armsFor(
      { name: 'random', arm: 'lots', drawSeed: [0, 1, 2] },
      { name: 'random', arm: 'lots redrawn', draw: 'redraw', drawSeed: [0, 1] },
      { name: 'full', cache: ['f32', 'bf16'] },
    );
    expect(arms.map(({ name }) => name)).toEqual(['lots', 'lots', 'lots', 'lots redrawn', 'lots redrawn', 'full cache=f32', 'full cache=bf16']);
    expect(arms.slice(0, 3).map(({ policy }) => policy)).toMatchObject([{ drawSeed: 0 }, { drawSeed: 1 }, { drawSeed: 2 }]);
    expect((await armsFor({ name: 'full', problems: 300 }))[0]).toEqual({ name: 'full', where: 'policies[0]', policy: { name: 'full' }, problems: 300 });
    expect(arms.slice(5).map(({ cache }) => cache)).toEqual(['f32', 'bf16']);
  });
});
