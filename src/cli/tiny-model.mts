/** A checkpoint of random weights with a tokenizer of whole words, written from scratch: the tests' own, of no use but speed. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const config = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: 64,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 8,
  max_position_embeddings: 4096,
  rope_theta: 10000,
  rms_norm_eps: 1e-5,
  hidden_act: 'silu',
  tie_word_embeddings: true,
  attention_bias: false,
  bos_token_id: 0,
  eos_token_id: 1,
  torch_dtype: 'float32',
};

/** Words of the vocabulary from id 0; `words` more are put in front of the filling ones. */
export function writeTinyModel(folder: string, words: string[] = []): void {
  mkdirSync(folder, { recursive: true });
  const specials = ['<bos>', '<eos>', '<think>', '</think>'];
  const vocab = [...new Set([...specials, ...words])];
  for (let i = 0; vocab.length < config.vocab_size; ++i) vocab.push(`w${i}`);
  const save = (name: string, value: object) => writeFileSync(join(folder, name), JSON.stringify(value));
  save('config.json', { ...config, vocab_size: vocab.length });
  save('generation_config.json', { max_new_tokens: 48, temperature: 0.8, top_p: 1, eos_token_id: 1 });
  save('tokenizer_config.json', { bos_token: '<bos>', eos_token: '<eos>' });
  save('tokenizer.json', {
    version: '1.0',
    added_tokens: specials.map((content, id) => ({
      id,
      content,
      special: true,
      normalized: false,
      lstrip: false,
      rstrip: false,
      single_word: false,
    })),
    normalizer: null,
    pre_tokenizer: { type: 'WhitespaceSplit' },
    post_processor: null,
    decoder: null,
    model: { type: 'WordLevel', unk_token: '<unk>', vocab: Object.fromEntries(vocab.map((word, id) => [word, id])) },
  });
  writeFileSync(join(folder, 'model.safetensors'), safetensors(tensors(vocab.length)));
}

function tensors(vocab: number): [string, number[], Float32Array][] {
  const {
    hidden_size: width,
    intermediate_size: inner,
    num_hidden_layers: layers,
    num_key_value_heads: groups,
    head_dim: head,
  } = config;
  let state = 12345;
  const uniform = () => (state = (state * 48271) % 2147483647) / 2147483647 - 0.5;
  const matrix = (name: string, rows: number, columns: number): [string, number[], Float32Array] => [
    name,
    [rows, columns],
    Float32Array.from({ length: rows * columns }, () => (3 * uniform()) / Math.sqrt(columns)),
  ];
  const ones = (name: string): [string, number[], Float32Array] => [name, [width], new Float32Array(width).fill(1)];
  const layer = (i: number) => {
    const at = `model.layers.${i}.`;
    return [
      ones(`${at}input_layernorm.weight`),
      matrix(`${at}self_attn.q_proj.weight`, width, width),
      matrix(`${at}self_attn.k_proj.weight`, groups * head, width),
      matrix(`${at}self_attn.v_proj.weight`, groups * head, width),
      matrix(`${at}self_attn.o_proj.weight`, width, width),
      ones(`${at}post_attention_layernorm.weight`),
      matrix(`${at}mlp.gate_proj.weight`, inner, width),
      matrix(`${at}mlp.up_proj.weight`, inner, width),
      matrix(`${at}mlp.down_proj.weight`, width, inner),
    ];
  };
  return [
    matrix('model.embed_tokens.weight', vocab, width),
    ...Array.from({ length: layers }, (_, i) => layer(i)).flat(),
    ones('model.norm.weight'),
  ];
}

// 8 bytes of header length, a header in JSON, the data.
function safetensors(tensors: [string, number[], Float32Array][]): Buffer {
  let at = 0;
  const header = Object.fromEntries(
    tensors.map(([name, shape, data]) => [name, { dtype: 'F32', shape, data_offsets: [at, (at += data.byteLength)] }]),
  );
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([
    length,
    padded,
    ...tensors.map(([, , data]) => Buffer.from(data.buffer, data.byteOffset, data.byteLength)),
  ]);
}
