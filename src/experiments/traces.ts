/** Real traces that the user has: the folder that PATHPRESS_TRACES names, with `reasoning/` and `non-reasoning/` in it. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { OutputIds } from '../analysis/entropy-table.js';
import { PathPressError } from '../engine/errors.js';
import { loadTrace } from '../traces/tokenize.js';

/** Which of the two folders a trace lies in. */
export type TraceKind = 'reasoning' | 'non-reasoning';

/** A file of real traces. */
export interface TraceFile {
  path: string;
  /** File name without ending: "qwq-32b__misguided-attention". */
  name: string;
  kind: TraceKind;
  /** The part before "__", and the part after it. */
  model: string;
  dataset: string;
}

/** An output of a trace file. */
export interface TraceOutput extends OutputIds {
  text: string;
}

/** What to tell who has no traces. */
export const howToGetTraces =
  'PATHPRESS_TRACES names no folder of traces: set it to one that holds reasoning/*.jsonl.gz and non-reasoning/*.jsonl.gz ' +
  '(rows with "prompt" and "output"; public sources: cpldcpu/MisguidedAttention, Quehry/HelloBench, interp-reasoning/thought-anchors.com), ' +
  'and PATHPRESS_TOKENIZER to a folder with the tokenizer.json of Qwen2.5. Until then the figures draw from the committed summary records.';

/**
 * Trace files of the folder by kind and name; none where no folder is named.
 * @throws PathPressError BAD_FILE where a folder is named that holds no trace file
 */
export function traceFiles(folder = process.env.PATHPRESS_TRACES): TraceFile[] {
  if (!folder) return [];
  const files = (['reasoning', 'non-reasoning'] as const).flatMap((kind) => {
    const here = join(folder, kind);
    if (!existsSync(here)) return [];
    const names = readdirSync(here).filter((name) => /\.jsonl(\.gz)?$/.test(name)).sort();
    return names.map((file) => {
      const name = basename(file).replace(/\.jsonl(\.gz)?$/, '');
      const [model, dataset = ''] = name.split('__');
      return { path: join(here, file), name, kind, model, dataset };
    });
  });
  if (files.length === 0) throw new PathPressError('BAD_FILE', `PATHPRESS_TRACES ${folder}: no reasoning/*.jsonl.gz or non-reasoning/*.jsonl.gz there`);
  return files;
}

/**
 * Folder of the tokenizer that the traces' figures are stated for: PATHPRESS_TOKENIZER, else tokenizers/Qwen2.5 beside the traces; null where there is none.
 * @throws PathPressError BAD_FILE where PATHPRESS_TOKENIZER names a folder without tokenizer.json
 */
export function traceTokenizer(): string | null {
  const { PATHPRESS_TOKENIZER: named, PATHPRESS_TRACES: traces } = process.env;
  const folder = named || (traces && join(traces, '..', 'tokenizers', 'Qwen2.5'));
  if (folder && existsSync(join(folder, 'tokenizer.json'))) return folder;
  if (named) throw new PathPressError('BAD_FILE', `PATHPRESS_TOKENIZER ${named}: no tokenizer.json there`);
  return null;
}

/** First 16 hexadecimal digits of a file's SHA-256, by which records name their sources. @throws the file system's error */
export function fileHash(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 16);
}

/**
 * All outputs of a file with their ids (no special tokens added), which are kept by content once made.
 * @param tokenizer folder with the tokenizer.json
 * @throws as `readTrace` and `loadTokenizer`
 */
export async function traceOutputs(file: TraceFile, tokenizer: string): Promise<TraceOutput[]> {
  const trace = await loadTrace(file.path, { tokenizer });
  return trace.rows.map((row) => ({ prompt: row.prompt, ids: row.ids, text: trace.text(row) }));
}
