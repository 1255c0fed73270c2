import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { hashWeights } from '../engine/checkpoint.js';
import { PathPressError } from '../engine/errors.js';
import { packageRoot } from '../package.js';
import { pause } from '../pause.js';
import { readTokenizerFiles, type TokenizerFiles } from '../tokenizer/files.js';
import { runByLength, type Embedder } from './embedder.js';
import { MiniLmCrew } from './minilm-crew.js';
import { dim, type Padded } from './minilm-messages.js';

const batch = 16;
const encodedAtOnce = 256; // sentences, a few milliseconds
/** As sentence-transformers does for this model; it was trained at 128. */
const longestTokens = 256;

/** What tokenizer_config.json would say: exports often come without it. */
const bertTokens = {
  pad_token: '[PAD]',
  unk_token: '[UNK]',
  cls_token: '[CLS]',
  sep_token: '[SEP]',
  mask_token: '[MASK]',
};

/** Where `fetchMiniLm` puts the weights if not told otherwise. */
export const miniLmFolder = join(packageRoot, '.cache', 'minilm');

/** The folder of MiniLM's weights: `PATHPRESS_MINILM`, else the one that `fetchMiniLm` fills; undefined where neither has them. */
export async function findMiniLm(): Promise<string | undefined> {
  for (const folder of [process.env.PATHPRESS_MINILM, miniLmFolder]) {
    if (folder && (await weightsIn(folder)) && existsSync(join(folder, 'tokenizer.json'))) return folder;
  }
  return undefined;
}

/** The ONNX file of a folder, the most exact first. */
async function weightsIn(folder: string): Promise<string | undefined> {
  for (const inner of ['onnx', '.']) {
    const names = (await readdir(join(folder, inner)).catch(() => [])).filter((name) => name.endsWith('.onnx')).sort();
    const best =
      ['model.onnx', 'model_fp16.onnx', 'model_quantized.onnx'].find((name) => names.includes(name)) ?? names[0];
    if (best) return resolve(folder, inner, best);
  }
  return undefined;
}

/**
 * all-MiniLM-L6-v2 (sentence-transformers; N. Reimers, I. Gurevych, 2019) through the transformers package: at most 256
 * tokens, mean over their last hidden states, length 1. Never the network.
 * @param folder holds tokenizer.json and an ONNX export, `model.onnx` or any other name, there or in `onnx/`
 * @throws BAD_FILE, BAD_TOKENIZER or BAD_WEIGHTS, naming the folder or file
 */
export async function openMiniLm(folder: string): Promise<Embedder> {
  const weights = await weightsIn(folder);
  if (!weights) throw new PathPressError('BAD_FILE', `embedder minilm: ${folder} holds no .onnx file`);
  const files = await readTokenizerFiles(folder);
  const id = await embedderId(weights, files);
  const tokenizer = await tokenizerOf(files, folder);
  const crew = await MiniLmCrew.open(weights);
  return {
    name: 'minilm',
    id,
    dim,
    embed: async (sentences, onProgress) => {
      const rows: number[][] = [];
      for (const sentence of sentences) {
        rows.push(sentence.trim() === '' ? [] : truncated(tokenizer.encode(sentence)));
        if (rows.length % encodedAtOnce === 0) await pause();
      }
      const lengths = rows.map((row) => row.length);
      const run = (places: number[]): Promise<Float32Array> => crew.embed(padded(places.map((i) => rows[i])));
      return runByLength(lengths, { dim, batch, together: crew.size }, run, onProgress);
    },
    dispose: () => crew.dispose(),
  };
}

/** By all that decides a vector: another tokenizer gives the same weights other tokens. @throws as `hashWeights` */
export async function embedderId(weights: string, { tokenizer, config }: TokenizerFiles): Promise<string> {
  const tokens = createHash('sha256').update(JSON.stringify([tokenizer, config])).digest('hex');
  return `minilm-${(await hashWeights([weights])).slice(0, 16)}-${tokens.slice(0, 16)}`;
}

async function tokenizerOf({ tokenizer, config }: TokenizerFiles, folder: string) {
  const { PreTrainedTokenizer } = await import('@xenova/transformers');
  try {
    return new PreTrainedTokenizer(tokenizer, { ...bertTokens, ...config });
  } catch (cause) {
    const why = `embedder minilm: ${folder}/tokenizer.json does not load: ${(cause as Error).message}`;
    throw new PathPressError('BAD_TOKENIZER', why, { cause });
  }
}

/** The first tokens and the closing [SEP], as sentence-transformers cuts (the package's own truncation loses [SEP]). */
function truncated(ids: number[]): number[] {
  return ids.length <= longestTokens ? ids : [...ids.slice(0, longestTokens - 1), ids[ids.length - 1]];
}

function padded(rows: number[][]): Padded {
  const tokens = Math.max(...rows.map((row) => row.length));
  const ids = new BigInt64Array(rows.length * tokens);
  const mask = new BigInt64Array(rows.length * tokens);
  rows.forEach((row, i) => {
    row.forEach((id, t) => (ids[i * tokens + t] = BigInt(id)));
    mask.fill(1n, i * tokens, i * tokens + row.length);
  });
  return { ids, mask, rows: rows.length, tokens };
}
