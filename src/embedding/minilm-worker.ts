/**
 * A process that embeds batches with MiniLM, one after the other: the runtime computes in the thread that asks it, and a
 * worker thread that ends meanwhile takes its process with it.
 */
import { basename, dirname } from 'node:path';
import { AutoModel, PretrainedConfig, Tensor, env } from '@xenova/transformers';
import { failureOf, PathPressError } from '../engine/errors.js';
import { normaliseRows } from './embedder.js';
import { dim, type FromWorker, type Padded, type ToWorker } from './minilm-messages.js';

type Model = Awaited<ReturnType<typeof AutoModel.from_pretrained>>;

const tell = (message: FromWorker): void => void process.send!(message, () => undefined); // nobody may be there any more
let opened: { model: Model; weights: string } | undefined;

async function open(weights: string, threads: number): Promise<FromWorker> {
  env.allowRemoteModels = false;
  try {
    const model = await AutoModel.from_pretrained(dirname(weights), {
      config: new PretrainedConfig({ model_type: 'bert', architectures: ['BertModel'] }),
      subfolder: '',
      model_file_name: basename(weights, '.onnx'),
      dtype: 'fp32', // the name as it is: no suffix is added
      local_files_only: true,
      session_options: { intraOpNumThreads: threads },
    });
    opened = { model, weights };
  } catch (cause) {
    throw new PathPressError('BAD_WEIGHTS', `embedder minilm: ${weights} does not load: ${(cause as Error).message}`);
  }
  return { opened: true };
}

async function embed({ ids, mask, rows, tokens }: Padded): Promise<FromWorker> {
  const { model, weights } = opened!;
  const shape = [rows, tokens];
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
  return { vectors: meanPooled(hidden.data, mask, rows, tokens) };
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

process.on('message', (message: ToWorker) => {
  const answer = 'batch' in message ? embed(message.batch) : open(message.weights, message.threads);
  answer.then(tell, (error: unknown) => tell({ failed: failureOf(error) }));
});

// Ctrl-C reaches every process of a terminal: the embedder's own says what is to be done.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
process.on('disconnect', () => process.exit(0));
