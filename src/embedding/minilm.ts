import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { hashWeights } from '../engine/checkpoint.js';
import { PathPressError } from '../engine/errors.js';
import { packageRoot } from '../package.js';
import { readTokenizerFiles } from '../tokenizer/files.js';
import { embedByLength, normaliseRows, type Embedder } from './embedder.js';

const dim = 384;
const batch = 16;
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
  const { AutoModel, PretrainedConfig, PreTrainedTokenizer, Tensor, env } = await import('@xenova/transformers');
  env.allowRemoteModels = false;
  let model: Awaited<ReturnType<typeof AutoModel.from_pretrained>>;
  let tokenizer: InstanceType<typeof PreTrainedTokenizer>;
  try {
    tokenizer = new PreTrainedTokenizer(files.tokenizer, { ...bertTokens, ...files.config });
    model = await AutoModel.from_pretrained(dirname(weights), {
      config: new PretrainedConfig({ model_type: 'bert', architectures: ['BertModel'] }),
      subfolder: '',
      model_file_name: basename(weights, '.onnx'),
      dtype: 'fp32', // the name as it is: no suffix is added
      local_files_only: true,
    });
  } catch (cause) {
    throw new PathPressError('BAD_WEIGHTS', `embedder minilm: ${weights} does not load: ${(cause as Error).message}`, {
      cause,
    });
  }
  const run = async (sentences: string[]): Promise<Float32Array> => {
    const { ids, mask, tokens } = padded(sentences.map((sentence) => truncated(tokenizer.encode(sentence))));
    const shape = [sentences.length, tokens];
    const { last_hidden_state: hidden } = await model({
      input_ids: new Tensor('int64', ids, shape),
      attention_mask: new Tensor('int64', mask, shape),
    });
    if (hidden?.dims?.[2] !== dim) {
      throw new PathPressError(
        'BAD_WEIGHTS',
        `embedder minilm: ${weights} gives states of shape ${String(hidden?.dims)}, not (batch, tokens, ${dim})`,
      );
    }
    return meanPooled(hidden.data, mask, sentences.length, tokens);
  };
  return {
    name: 'minilm',
    id: `minilm-${(await hashWeights([weights])).slice(0, 16)}`,
    dim,
    embed: (sentences, onProgress) => embedByLength(sentences, dim, batch, run, onProgress),
    dispose: async () => void (await model.dispose()),
  };
}

/** The first tokens and the closing [SEP], as sentence-transformers cuts (the package's own truncation loses [SEP]). */
function truncated(ids: number[]): number[] {
  return ids.length <= longestTokens ? ids : [...ids.slice(0, longestTokens - 1), ids[ids.length - 1]];
}

/** Ids padded by 0 to the longest, and which of them are real (batch × tokens). */
function padded(rows: number[][]): { ids: BigInt64Array; mask: BigInt64Array; tokens: number } {
  const tokens = Math.max(...rows.map((row) => row.length));
  const ids = new BigInt64Array(rows.length * tokens);
  const mask = new BigInt64Array(rows.length * tokens);
  rows.forEach((row, i) => {
    row.forEach((id, t) => (ids[i * tokens + t] = BigInt(id)));
    mask.fill(1n, i * tokens, i * tokens + row.length);
  });
  return { ids, mask, tokens };
}

/** Unit means of the states that the mask keeps: (batch × tokens × dim), (batch × tokens) → (batch × dim). */
function meanPooled(states: Float32Array, mask: BigInt64Array, rows: number, tokens: number): Float32Array {
  const vectors = new Float32Array(rows * dim);
  for (let row = 0; row < rows; row++) {
    for (let token = row * tokens; token < (row + 1) * tokens; token++) {
      if (mask[token] === 0n) continue;
      for (let k = 0; k < dim; k++) vectors[row * dim + k] += states[token * dim + k];
    }
  }
  return normaliseRows(vectors, dim, 'minilm'); // the count of tokens cancels
}
