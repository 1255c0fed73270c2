import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PathPressError } from '../engine/errors.js';
import { loadTokenizer } from '../tokenizer/tokenizer.js';
import { embedByLength, normaliseRows, type Embedder } from './embedder.js';
import { readTensors, type Tensor } from './tensors.js';

const batch = 256;

/**
 * Static embeddings in model2vec's format (S. Tulkens, T. van Dongen, 2024): a sentence is the mean over its tokens,
 * unknown ones left out, of weights[token] · embeddings[mapping[token]], scaled to length 1. `weights` and `mapping`
 * may be absent (1 and the token itself).
 * @param folder model.safetensors and tokenizer.json
 * @throws BAD_FILE, BAD_WEIGHTS, BAD_TENSOR or BAD_TOKENIZER, naming file and tensor
 */
export async function openStatic(folder: string): Promise<Embedder> {
  const file = join(folder, 'model.safetensors');
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    throw new PathPressError('BAD_FILE', `${file}: cannot be read (${(cause as NodeJS.ErrnoException).code})`, {
      cause,
    });
  }
  const tensors = readTensors(bytes, file);
  const tokenizer = await loadTokenizer(folder);
  const { embeddings, weights, mapping } = tensors;
  if (embeddings?.shape.length !== 2)
    throw new PathPressError('BAD_TENSOR', `${file}: no tensor "embeddings" of rows and columns`);
  const [rows, dim] = embeddings.shape;
  for (const [name, tensor] of Object.entries({ weights, mapping })) {
    if (tensor && tensor.values.length !== tokenizer.vocabSize) {
      throw new PathPressError(
        'BAD_TENSOR',
        `${file}: "${name}" has ${tensor.values.length} entries for ${tokenizer.vocabSize} tokens`,
      );
    }
  }
  checkMapping(mapping, rows, tokenizer.vocabSize, file);

  const run = async (sentences: string[]): Promise<Float32Array> => {
    const vectors = new Float32Array(sentences.length * dim); // (sentences, dim)
    sentences.forEach((sentence, row) => {
      const sum = new Float64Array(dim);
      for (const token of tokenizer.encode(sentence)) {
        if (token === tokenizer.unknownId) continue;
        const weight = weights ? weights.values[token] : 1;
        const from = (mapping ? mapping.values[token] : token) * dim;
        for (let k = 0; k < dim; k++) sum[k] += weight * embeddings.values[from + k];
      }
      vectors.set(sum, row * dim);
    });
    return normaliseRows(vectors, dim, 'static');
  };
  return {
    name: 'static',
    id: `static-${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}`,
    dim,
    embed: (sentences, onProgress) => embedByLength(sentences, dim, batch, run, onProgress),
    dispose: async () => {},
  };
}

function checkMapping(mapping: Tensor | undefined, rows: number, vocabulary: number, file: string): void {
  if (!mapping) {
    if (rows < vocabulary)
      throw new PathPressError('BAD_TENSOR', `${file}: "embeddings" has ${rows} rows for ${vocabulary} tokens`);
    return;
  }
  const wrong = mapping.values.findIndex((row) => !(Number.isInteger(row) && row >= 0 && row < rows));
  if (wrong >= 0)
    throw new PathPressError(
      'BAD_TENSOR',
      `${file}: "mapping" sends token ${wrong} to row ${mapping.values[wrong]} of ${rows}`,
    );
}
