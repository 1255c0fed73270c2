/** What becomes of a GGUF file: config.json's fields, and which tensor goes where. */
import { PathPressError } from '../../engine/errors.js';
import type { GgufFile, TensorEntry } from './file.js';
import { embedding, type Layout, layouts, output, type Sizes, type TensorRow } from './layouts.js';
import type { Metadata } from './metadata.js';
import { frequencyDivisors, ropeScaling } from './rope.js';

/** A tensor on its way: from where, under which name, and how many rows stand in a head whose rows are in pairs. */
export interface Move {
  from: TensorEntry;
  name: string;
  /** 0 where rows stay in order. */
  pairedHead: number;
}

export interface Plan {
  config: Record<string, unknown>;
  moves: Move[];
}

/** @throws UNKNOWN_FAMILY, BAD_GGUF, BAD_TENSOR, naming file and key or tensor */
export async function planImport(file: GgufFile): Promise<Plan> {
  const { metadata } = file;
  const layout = findLayout(metadata, file.path);
  const sizes = readSizes(metadata, layout.architecture, file);
  const options = layout.options.filter(({ tensors }) => file.tensors.has(at(tensors[0].gguf, 0)));
  const tied = !file.tensors.has(output.gguf);
  const rows = [...layout.tensors, ...options.flatMap(({ tensors }) => tensors), ...(tied ? [] : [output])];
  const moves = rows.flatMap((row) => movesOf(row, layout, sizes, file));
  refuseOthers(moves, file);
  const key = (name: string) => `${layout.architecture}.${name}`;
  const theta = metadata.positive(key('rope.freq_base'), 10000);
  if (!metadata.flag(key('attention.causal'), true)) throw metadata.fail(key('attention.causal'), 'is false: not supported');
  return {
    config: {
      architectures: [layout.className],
      model_type: layout.architecture,
      hidden_size: sizes.hidden,
      intermediate_size: sizes.intermediate,
      num_hidden_layers: sizes.layers,
      num_attention_heads: sizes.heads,
      num_key_value_heads: sizes.kvHeads,
      head_dim: sizes.headDim,
      vocab_size: sizes.vocab,
      hidden_act: 'silu',
      max_position_embeddings: metadata.whole(key('context_length'), 1, 2 ** 31 - 1),
      rms_norm_eps: shortest(metadata.positive(key('attention.layer_norm_rms_epsilon'))),
      rope_theta: theta,
      ...(await ropeScaling(file, layout.architecture, theta, sizes.headDim)),
      tie_word_embeddings: tied,
      ...Object.fromEntries(layout.options.map((option) => [option.flag, options.includes(option)])),
    },
    moves,
  };
}

const at = (pattern: string, layer: number): string => pattern.replace('{}', String(layer));

function findLayout(metadata: Metadata, path: string): Layout {
  const architecture = metadata.text('general.architecture');
  const layout = layouts.find((row) => row.architecture === architecture);
  if (layout) return layout;
  const known = layouts.map((row) => row.architecture).join(', ');
  throw new PathPressError('UNKNOWN_FAMILY', `${path}: general.architecture ${JSON.stringify(architecture.slice(0, 80))} is not one of ${known}`);
}

// Bounds are the engine's (native/models/registry.cc).
function readSizes(metadata: Metadata, architecture: string, file: GgufFile): Sizes {
  const size = (name: string, most: number, fallback?: number) => metadata.whole(`${architecture}.${name}`, 1, most, fallback);
  const hidden = size('embedding_length', 1 << 20);
  const heads = size('attention.head_count', 1024);
  const kvHeads = size('attention.head_count_kv', heads, heads);
  if (heads % kvHeads) throw metadata.fail(`${architecture}.attention.head_count_kv`, `is ${kvHeads}, no divisor of head_count ${heads}`);
  if (heads / kvHeads > 32) throw metadata.fail(`${architecture}.attention.head_count_kv`, `is ${kvHeads}: more than 32 heads share one`);
  const headDim = size('attention.key_length', 1024, Math.floor(hidden / heads));
  const same = (name: string) => {
    const other = size(name, 1 << 20, headDim);
    if (other !== headDim) throw metadata.fail(`${architecture}.${name}`, `is ${other}, not the head's ${headDim}`);
  };
  same('attention.value_length');
  same('rope.dimension_count');
  if (headDim % 2) throw metadata.fail(`${architecture}.attention.key_length`, `is ${headDim}: rotary pairs need an even number`);
  const vocab = find(embedding.gguf, file).shape[0];
  if (vocab > 1 << 24) throw new PathPressError('BAD_TENSOR', `${file.path}: tensor "${embedding.gguf}" has ${vocab} rows`);
  return { vocab, hidden, intermediate: size('feed_forward_length', 1 << 20), layers: size('block_count', 1024), heads, kvHeads, headDim };
}

function find(name: string, file: GgufFile): TensorEntry {
  const tensor = file.tensors.get(name);
  if (!tensor) throw new PathPressError('BAD_TENSOR', `${file.path}: no tensor "${name}"`);
  return tensor;
}

function movesOf(row: TensorRow, layout: Layout, sizes: Sizes, file: GgufFile): Move[] {
  const shape = row.shape(sizes);
  const pairedHead = layout.pairedRows && row.rotary ? sizes.headDim : 0;
  const one = (layer: number): Move => {
    const from = find(at(row.gguf, layer), file);
    if (from.shape.join() !== shape.join()) {
      throw new PathPressError('BAD_TENSOR', `${file.path}: tensor "${from.name}" has shape [${from.shape}], the metadata asks for [${shape}]`);
    }
    if (shape.length === 1 && from.type.elements > 1) {
      throw new PathPressError('BAD_TENSOR', `${file.path}: tensor "${from.name}" is a vector of type ${from.type.name}`);
    }
    return { from, name: at(row.hf, layer), pairedHead };
  };
  return row.gguf.includes('{}') ? Array.from({ length: sizes.layers }, (_, layer) => one(layer)) : [one(0)];
}

// A tensor without a place would change what the model computes: it is refused, not left out.
function refuseOthers(moves: Move[], file: GgufFile): void {
  const used = new Set(moves.map(({ from }) => from.name)).add(frequencyDivisors);
  const other = [...file.tensors.keys()].find((name) => !used.has(name));
  if (other !== undefined) throw new PathPressError('BAD_TENSOR', `${file.path}: tensor "${other}" has no place in this family`);
}

/** The shortest decimal that float32 rounds to the same value: 1e-5, where the file has 9.999999747378752e-06. */
function shortest(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}
