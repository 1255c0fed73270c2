/** The readers written in TypeScript, on mutated files: each is read, or refused with a code that names the file. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { readCheckpoint } from '../engine/checkpoint.js';
import { PathPressError } from '../engine/errors.js';
import { generationDefaults } from '../evaluate/defaults.js';
import { readRecords } from '../evaluate/records-file.js';
import { Random } from '../tasks/random.js';
import { armsOf } from '../sweep/arms.js';
import { readSweepFile } from '../sweep/file.js';
import { readManifest } from '../sweep/manifest.js';
import { loadTokenizer } from '../tokenizer/tokenizer.js';
import { readTrace } from '../traces/read.js';
import { damagedBytes, damagedJson } from './mutator.js';
import { newOutcome, type Part } from './part.js';
import { samples } from './parser-samples.js';

interface Reader {
  /** The file that is damaged, and the sound texts that it is made from. */
  file: string;
  texts: readonly string[];
  /** Files beside it that stay sound, by name. */
  beside?: Record<string, string>;
  read(path: string): Promise<unknown>;
  /** Where one line is one value, an error of a value names the line too. */
  lines?: boolean;
}

async function readWholeTrace(path: string): Promise<void> {
  for await (const row of readTrace(path)) void row;
}

async function useTokenizer(path: string): Promise<void> {
  const tokenizer = await loadTokenizer(dirname(path));
  const ids = tokenizer.encode('x = 7 . hello <think>', { special: true });
  tokenizer.decode(ids);
  if (tokenizer.hasChatTemplate) tokenizer.applyChat([{ role: 'user', content: 'x' }]);
}

async function useSweep(path: string): Promise<void> {
  const { file } = await readSweepFile(path);
  armsOf(file, path);
}

const readers: Reader[] = [
  { file: 'trace.jsonl', texts: samples.traces, read: readWholeTrace, lines: true },
  { file: 'trace.jsonl.gz', texts: samples.traces, read: readWholeTrace, lines: true },
  { file: 'tokenizer.json', texts: samples.tokenizers, read: useTokenizer },
  { file: 'tokenizer_config.json', texts: samples.tokenizerConfigs, beside: { 'tokenizer.json': samples.tokenizers[0] }, read: useTokenizer },
  { file: 'generation_config.json', texts: samples.generationConfigs, read: (path) => generationDefaults(dirname(path)) },
  { file: 'config.json', texts: samples.configs, beside: { 'model.safetensors': '' }, read: (path) => readCheckpoint(dirname(path)) },
  { file: 'model.safetensors.index.json', texts: samples.indices, beside: { 'config.json': samples.configs[0] }, read: (path) => readCheckpoint(dirname(path)) },
  { file: 'sweep.json', texts: samples.sweeps, read: useSweep },
  { file: 'manifest.json', texts: samples.manifests, read: readManifest },
  { file: 'records.jsonl', texts: samples.records, read: async (path) => readRecords(path), lines: true },
]; // prettier-ignore

/** A sample that is refused as it stands would make every mutant of it a vain one. */
async function allSound(folders: readonly string[], { fault }: ReturnType<typeof newOutcome>): Promise<void> {
  for (const [i, { file, texts, read }] of readers.entries()) {
    for (const [k, text] of texts.entries()) {
      const path = join(folders[i], file);
      writeFileSync(path, file.endsWith('.gz') ? gzipSync(text) : text);
      await read(path).catch((error: unknown) => fault(`${file}, sample ${k}, is refused undamaged: ${String(error)}`));
    }
  }
}

function damaged({ file, texts, lines }: Reader, random: Random): Buffer {
  let bytes = Buffer.from(random.pick(texts));
  if (random.chance(0.6)) {
    const rows = lines ? bytes.toString().trimEnd().split('\n') : [bytes.toString()];
    const at = random.integer(0, rows.length - 1);
    rows[at] = damagedJson(rows[at], random);
    bytes = Buffer.from(rows.join('\n') + (lines ? '\n' : ''));
  } else bytes = Buffer.from(damagedBytes(bytes, random));
  if (!file.endsWith('.gz')) return bytes;
  const packed = gzipSync(bytes, { level: 1 });
  return random.chance(0.5) ? packed : damagedBytes(packed, random);
}

/** What is wrong with what a reader threw; undefined where it is an error as it should be. */
function wrong(error: unknown, { file, lines }: Reader): string | undefined {
  if (!(error instanceof PathPressError)) return `untyped ${error instanceof Error ? error.stack : String(error)}`;
  const said = `${error.code} ${error.message.slice(0, 300)}`;
  if (error.code === 'INTERNAL') return said;
  const named = error.message.includes(file) || (error.code === 'BAD_PROMPT' && file.startsWith('tokenizer'));
  if (!named) return `the file is not named: ${said}`;
  const lineNamed = !lines || !['BAD_JSON', 'RECORD_MISMATCH'].includes(error.code) || /:\d+|line/.test(error.message);
  return lineNamed ? undefined : `the line is not named: ${said}`;
}

export const parsers: Part = {
  name: 'parsers',
  title: 'traces, tokenizers, configurations, sweep files and records, mutated',
  unit: 'mutations',
  full: 20_000,
  short: 800,
  async run({ count, seed, first, progress }) {
    const outcome = newOutcome();
    const root = mkdtempSync(join(tmpdir(), 'pathpress-soak-'));
    const folders = readers.map(({ file, beside = {} }) => {
      const folder = join(root, `of ${file}`);
      mkdirSync(folder);
      for (const [name, text] of Object.entries(beside)) writeFileSync(join(folder, name), text);
      return folder;
    });
    const refused = new Array<number>(readers.length).fill(0);
    try {
      await allSound(folders, outcome);
      for (let i = first; i < first + count; i++) {
        const at = i % readers.length;
        const reader = readers[at];
        const path = join(folders[at], reader.file);
        writeFileSync(path, damaged(reader, new Random(seed, i)));
        progress(i - first);
        try {
          await reader.read(path);
        } catch (error) {
          refused[at]++;
          const fault = wrong(error, reader);
          if (fault) outcome.fault(`mutation ${i} of seed ${seed}, ${basename(path)}: ${fault}`);
        }
      }
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
    readers.forEach(({ file }, i) => (outcome.figures[`${file}, refused`] = refused[i]));
    return outcome;
  },
};
