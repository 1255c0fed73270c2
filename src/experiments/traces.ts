/** Real traces that the user has: the folder that PATHPRESS_TRACES names, with `reasoning/` and `non-reasoning/` in it. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { OutputIds } from '../analysis/entropy-table.js';
import { loadTrace } from '../traces/tokenize.js';

export type TraceKind = 'reasoning' | 'non-reasoning';

export interface TraceFile {
  path: string;
  /** File name without ending: "qwq-32b__misguided-attention". */
  name: string;
  kind: TraceKind;
  /** The part before "__", and the part after it. */
  model: string;
  dataset: string;
}

export interface TraceOutput extends OutputIds {
  text: string;
}

export const howToGetTraces =
  'PATHPRESS_TRACES names no folder of traces: set it to one that holds reasoning/*.jsonl.gz and non-reasoning/*.jsonl.gz ' +
  '(rows with "prompt" and "output"; public sources: cpldcpu/MisguidedAttention, Quehry/HelloBench, interp-reasoning/thought-anchors.com), ' +
  'and PATHPRESS_TOKENIZER to a folder with the tokenizer.json of Qwen2.5. Until then the figures draw from the committed summary records.';

/** Trace files of the folder by kind and name; empty where there is no folder. */
export function traceFiles(folder = process.env.PATHPRESS_TRACES): TraceFile[] {
  if (!folder) return [];
  return (['reasoning', 'non-reasoning'] as const).flatMap((kind) => {
    const here = join(folder, kind);
    if (!existsSync(here)) return [];
    const names = readdirSync(here).filter((name) => /\.jsonl(\.gz)?$/.test(name)).sort();
    return names.map((file) => {
      const name = basename(file).replace(/\.jsonl(\.gz)?$/, '');
      const [model, dataset = ''] = name.split('__');
      return { path: join(here, file), name, kind, model, dataset };
    });
  });
}

/** Folder of the tokenizer that the traces' figures are stated for: PATHPRESS_TOKENIZER, else tokenizers/Qwen2.5 beside the traces. */
export function traceTokenizer(): string | null {
  const folder = process.env.PATHPRESS_TOKENIZER ?? (process.env.PATHPRESS_TRACES && join(process.env.PATHPRESS_TRACES, '..', 'tokenizers', 'Qwen2.5'));
  return folder && existsSync(join(folder, 'tokenizer.json')) ? folder : null;
}

/** All outputs of a file with their ids (no special tokens added), which are kept by content once made. */
export async function traceOutputs(file: TraceFile, tokenizer: string): Promise<TraceOutput[]> {
  const trace = await loadTrace(file.path, { tokenizer });
  return trace.rows.map((row) => ({ prompt: row.prompt, ids: row.ids, text: trace.text(row) }));
}
