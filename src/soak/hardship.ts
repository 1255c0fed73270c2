/** What a night may bring: a full disk, a read-only one, a model that cannot be read, no memory for the cache. */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEngine } from '../engine/engine.js';
import { PathPressError } from '../engine/errors.js';
import { evaluate } from '../evaluate/evaluate.js';
import { readRecords } from '../evaluate/records-file.js';
import { bundledModel, packageRoot } from '../package.js';
import { settlePolicy } from '../policies/settle.js';
import { tasks } from '../tasks/registry.js';
import { loadTokenizer } from '../tokenizer/tokenizer.js';
import { newOutcome, type Outcome, type Part } from './part.js';

const cli = join(packageRoot, 'dist', 'cli.js');
const reasoner = bundledModel('reasoner');
const problems = 40;
const tokens = 16;

type Trial = (folder: string, outcome: Outcome & { fault(what: string): void }) => Promise<void> | void;

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function evalCommand(model: string, out: string): string {
  const flags = ['--task', 'loops', '--problems', problems, '--max-tokens', tokens, '--batch', 4, '--ignore-eos'];
  return [process.execPath, cli, 'eval', '--model', model, '--out', out, ...flags].map((word) => quoted(String(word))).join(' ');
}

function shell(script: string): { status: number | null; err: string } {
  const { status, stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8', timeout: 600_000 });
  return { status, err: stderr };
}

/** How to get a mount namespace of one's own, whose mounts go with it; undefined where that is not permitted. */
function namespaceCommand(folder: string): string | undefined {
  return ['unshare -m', 'unshare -rm'].find(
    (command) => shell(`${command} mount -t tmpfs tmpfs ${quoted(folder)}`).status === 0,
  );
}

function expectEnd(what: string, end: ReturnType<typeof shell>, status: number, said: RegExp, outcome: Parameters<Trial>[1]): void {
  if (end.status === status && said.test(end.err)) return;
  outcome.fault(`${what}: exit ${end.status}, wanted ${status} and ${said}: ${end.err.slice(-500)}`);
}

/** Records that a failed run left: whole, in order from the first; how many. */
function intact(what: string, path: string, outcome: Parameters<Trial>[1]): number {
  const records = existsSync(path) ? readRecords(path) : [];
  const numbers = records.map(({ problem }) => problem).sort((a, b) => a - b);
  if (new Set(numbers).size !== numbers.length) outcome.fault(`${what}: a record stands twice: ${numbers.join(' ')}`);
  const bytes = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
  if (bytes.length > 0 && bytes.at(-1) !== 0x0a) outcome.fault(`${what}: the last record is torn`);
  return records.length;
}

const fullDisk: Trial = (folder, outcome) => {
  const namespace = namespaceCommand(folder);
  if (!namespace) return void outcome.skipped.push('disk full: no tmpfs can be mounted here');
  const [disk, kept] = [join(folder, 'disk'), join(folder, 'kept.jsonl')];
  mkdirSync(disk);
  const out = join(disk, 'records.jsonl');
  const script = `mount -t tmpfs -o size=16k tmpfs ${quoted(disk)} && { ${evalCommand(reasoner, out)}; status=$?; cp ${quoted(out)} ${quoted(kept)}; exit $status; }`;
  expectEnd('disk full', shell(`${namespace} sh -c ${quoted(script)}`), 1, /WRITE_FAILED/, outcome);
  const records = intact('disk full', kept, outcome);
  if (records === 0 || records === problems) outcome.fault(`disk full: ${records} records were kept of ${problems}`);
  outcome.figures['disk full, records kept'] = records;
  expectEnd('after the full disk', shell(evalCommand(reasoner, kept)), 0, /(?:)/, outcome);
  if (intact('after the full disk', kept, outcome) !== problems) outcome.fault('after the full disk: records are missing');
};

const readOnly: Trial = (folder, outcome) => {
  const namespace = namespaceCommand(folder);
  if (!namespace) return void outcome.skipped.push('read-only output: no tmpfs can be mounted here');
  const disk = join(folder, 'read-only');
  mkdirSync(disk);
  const script = `mount -t tmpfs -o ro tmpfs ${quoted(disk)} && ${evalCommand(reasoner, join(disk, 'records.jsonl'))}`;
  expectEnd('read-only output', shell(`${namespace} sh -c ${quoted(script)}`), 1, /records\.jsonl: .*(WRITE_FAILED)/, outcome);
};

/** As a user whom modes bind: root reads whatever it likes unless that right is taken from it. */
const bound = process.getuid?.() === 0 ? 'setpriv --bounding-set -dac_override,-dac_read_search ' : '';

const unreadable: Trial = (folder, outcome) => {
  for (const file of ['model.safetensors', 'config.json', 'tokenizer.json', 'generation_config.json']) {
    const model = join(folder, `without ${file}`);
    cpSync(reasoner, model, { recursive: true });
    chmodSync(join(model, file), 0);
    if (shell(`${bound}cat ${quoted(join(model, file))}`).status === 0) {
      outcome.skipped.push('unreadable model: this user reads what it likes');
      return;
    }
    const out = join(folder, 'unreadable.jsonl');
    const end = shell(bound + evalCommand(model, out));
    expectEnd(`unreadable ${file}`, end, 2, new RegExp(`${file.replace('.', '\\.')}.*\\((BAD_\\w+)\\)`), outcome);
    if (existsSync(out)) outcome.fault(`unreadable ${file}: a file of records was left`);
  }
};

/** Files that are none: a reader that waits for a pipe's other end would wait for ever. */
const noFiles: Trial = (folder, outcome) => {
  for (const file of ['model.safetensors', 'config.json', 'tokenizer.json']) {
    for (const [kind, make] of [['a folder', 'mkdir'], ['a pipe', 'mkfifo']] as const) {
      const model = join(folder, `${kind} for ${file}`);
      cpSync(reasoner, model, { recursive: true });
      rmSync(join(model, file));
      shell(`${make} ${quoted(join(model, file))}`);
      const end = shell(`timeout -s KILL 120 ${evalCommand(model, join(folder, 'none.jsonl'))}`);
      expectEnd(`${kind} for ${file}`, end, 2, new RegExp(`${file.replace('.', '\\.')}.*\\((BAD_\\w+)\\)`), outcome);
    }
  }
}; // prettier-ignore

const noMemory: Trial = async (folder, outcome) => {
  const out = join(folder, 'memory.jsonl');
  const tokenizer = await loadTokenizer(reasoner);
  const options = {
    model: reasoner,
    policy: settlePolicy('full', {}),
    sampling: { temperature: 1, topP: 1, topK: 0, minP: 0, seed: 0 },
    problems,
    stop: { ids: [] },
    out,
  };
  const roomy = await openEngine({ model: reasoner });
  await evaluate(roomy, tokenizer, tasks.loops, { ...options, maxTokens: 2000, problems: 1 });
  roomy.dispose();
  const before = readFileSync(out, 'utf8');
  const small = await openEngine({ model: reasoner, cacheLimit: 2 ** 20 });
  try {
    await evaluate(small, tokenizer, tasks.loops, { ...options, maxTokens: 2000 });
    outcome.fault('no memory for the cache: nothing was said');
  } catch (error) {
    const good = error instanceof PathPressError && error.code === 'OUT_OF_MEMORY' && /need \d+ bytes/.test(error.message);
    if (!good) outcome.fault(`no memory for the cache: ${String(error)}`);
  } finally {
    small.dispose();
  }
  if (!readFileSync(out, 'utf8').startsWith(before)) outcome.fault('no memory for the cache: an earlier record is gone');
  intact('no memory for the cache', out, outcome);
};

const trials: Trial[] = [fullDisk, readOnly, unreadable, noFiles, noMemory];

export const hardship: Part = {
  name: 'hardship',
  title: 'disk full, read-only output, unreadable model, no memory for the cache',
  unit: 'trials',
  full: trials.length,
  short: trials.length,
  async run({ count, progress }) {
    const outcome = newOutcome();
    const folder = mkdtempSync(join(tmpdir(), 'pathpress-hardship-'));
    try {
      for (const [i, trial] of trials.slice(0, count).entries()) {
        const own = join(folder, String(i));
        mkdirSync(own);
        await trial(own, outcome);
        progress(i + 1);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    return outcome;
  },
};
