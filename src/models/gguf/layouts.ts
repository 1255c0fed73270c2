/** How llama.cpp names and stores the tensors of a model family, and what Hugging Face calls them: a row a family. */

/** Sizes that shapes are made of. */
export interface Sizes {
  vocab: number;
  hidden: number;
  intermediate: number;
  layers: number;
  heads: number;
  kvHeads: number;
  headDim: number;
}

type Shape = (sizes: Sizes) => number[];

/** A tensor as GGUF and as Hugging Face name it; `{}` stands for the layer's number. */
export interface TensorRow {
  gguf: string;
  hf: string;
  shape: Shape;
  /** Rows of queries and keys: stored in pairs that rotate together where the layout says so. */
  rotary?: boolean;
}

export interface Layout {
  /** general.architecture, which is Hugging Face's model_type too. */
  architecture: string;
  className: string;
  /**
   * llama.cpp rotates neighbouring channels of this family, Hugging Face the i-th with the (i + headDim / 2)-th: the
   * converter has reordered rows of queries and keys within each head, and the import puts them back.
   */
  pairedRows: boolean;
  tensors: TensorRow[];
  /** Biases that a model has all of or none; `flag` is what config.json calls it, the first row's presence tells. */
  options: { flag: string; tensors: TensorRow[] }[];
}

const queryWidth: Shape = ({ heads, headDim }) => [heads * headDim];
const kvWidth: Shape = ({ kvHeads, headDim }) => [kvHeads * headDim];
const hidden: Shape = (sizes) => [sizes.hidden];
const inner: Shape = ({ intermediate }) => [intermediate];
const headDim: Shape = (sizes) => [sizes.headDim];
const matrix =
  (rows: Shape, columns: Shape): Shape =>
  (sizes) => [...rows(sizes), ...columns(sizes)];

const table: Shape = ({ vocab, hidden }) => [vocab, hidden];
export const embedding: TensorRow = { gguf: 'token_embd.weight', hf: 'model.embed_tokens.weight', shape: table };
/** Absent where the embedding serves as output too. */
export const output: TensorRow = { gguf: 'output.weight', hf: 'lm_head.weight', shape: table };

const inLayer = (gguf: string, hf: string, shape: Shape, rotary = false): TensorRow => ({
  gguf: `blk.{}.${gguf}`,
  hf: `model.layers.{}.${hf}`,
  shape,
  rotary,
});

const weights: TensorRow[] = [
  embedding,
  { gguf: 'output_norm.weight', hf: 'model.norm.weight', shape: hidden },
  inLayer('attn_norm.weight', 'input_layernorm.weight', hidden),
  inLayer('ffn_norm.weight', 'post_attention_layernorm.weight', hidden),
  inLayer('attn_q.weight', 'self_attn.q_proj.weight', matrix(queryWidth, hidden), true),
  inLayer('attn_k.weight', 'self_attn.k_proj.weight', matrix(kvWidth, hidden), true),
  inLayer('attn_v.weight', 'self_attn.v_proj.weight', matrix(kvWidth, hidden)),
  inLayer('attn_output.weight', 'self_attn.o_proj.weight', matrix(hidden, queryWidth)),
  inLayer('ffn_gate.weight', 'mlp.gate_proj.weight', matrix(inner, hidden)),
  inLayer('ffn_up.weight', 'mlp.up_proj.weight', matrix(inner, hidden)),
  inLayer('ffn_down.weight', 'mlp.down_proj.weight', matrix(hidden, inner)),
];
const qkvBias: TensorRow[] = [
  inLayer('attn_q.bias', 'self_attn.q_proj.bias', queryWidth, true),
  inLayer('attn_k.bias', 'self_attn.k_proj.bias', kvWidth, true),
  inLayer('attn_v.bias', 'self_attn.v_proj.bias', kvWidth),
];
const attentionBias = {
  flag: 'attention_bias',
  tensors: [...qkvBias, inLayer('attn_output.bias', 'self_attn.o_proj.bias', hidden)],
};
const mlpBias = {
  flag: 'mlp_bias',
  tensors: [
    inLayer('ffn_gate.bias', 'mlp.gate_proj.bias', inner),
    inLayer('ffn_up.bias', 'mlp.up_proj.bias', inner),
    inLayer('ffn_down.bias', 'mlp.down_proj.bias', hidden),
  ],
};
const headNorms: TensorRow[] = [
  inLayer('attn_q_norm.weight', 'self_attn.q_norm.weight', headDim),
  inLayer('attn_k_norm.weight', 'self_attn.k_norm.weight', headDim),
];

export const layouts: Layout[] = [
  {
    architecture: 'llama',
    className: 'LlamaForCausalLM',
    pairedRows: true,
    tensors: weights,
    options: [attentionBias, mlpBias],
  },
  {
    architecture: 'qwen2',
    className: 'Qwen2ForCausalLM',
    pairedRows: false,
    tensors: [...weights, ...qkvBias],
    options: [],
  },
  {
    architecture: 'qwen3',
    className: 'Qwen3ForCausalLM',
    pairedRows: false,
    tensors: [...weights, ...headNorms],
    options: [attentionBias],
  },
];
