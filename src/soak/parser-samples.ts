/** Small sound files that the parsers' soak damages. */
const words = ['<unk>', '<bos>', '<eos>', '<think>', 'x', '=', '7', '.', 'hello'];
const vocab = Object.fromEntries(words.map((word, id) => [word, id]));
const special = (content: string) => ({
  id: vocab[content],
  content,
  special: true,
  normalized: false,
  lstrip: false,
  rstrip: false,
  single_word: false,
});
const added = ['<bos>', '<eos>', '<think>'].map(special);

const wordLevel = {
  version: '1.0',
  added_tokens: added,
  normalizer: null,
  pre_tokenizer: { type: 'WhitespaceSplit' },
  post_processor: null,
  decoder: null,
  model: { type: 'WordLevel', unk_token: '<unk>', vocab },
};

const letters = [...'xhelo=7.', 'Ġ'];
const bpe = {
  version: '1.0',
  added_tokens: [{ ...special('<bos>'), id: 20 }],
  normalizer: { type: 'NFC' },
  pre_tokenizer: {
    type: 'Sequence',
    pretokenizers: [
      { type: 'Split', pattern: { Regex: '\\s+|\\w+' }, behavior: 'Isolated', invert: false },
      { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
    ],
  },
  post_processor: {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: '<bos>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [],
    special_tokens: { '<bos>': { id: '<bos>', ids: [20], tokens: ['<bos>'] } },
  },
  decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
  model: {
    type: 'BPE',
    unk_token: null,
    fuse_unk: false,
    byte_fallback: false,
    vocab: Object.fromEntries([...letters, 'he', 'll', 'hell'].map((token, id) => [token, id])),
    merges: ['h e', 'l l', 'he ll'],
  },
};

/** Merges as newer files write them: pairs in place of texts. */
const pairs = { ...bpe, model: { ...bpe.model, merges: [['h', 'e'], ['l', 'l'], ['he', 'll']] } };

const config = {
  model_type: 'llama',
  vocab_size: 64,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
  eos_token_id: [1, 2],
};

const chatglm = {
  model_type: 'chatglm',
  padded_vocab_size: 64,
  hidden_size: 32,
  ffn_hidden_size: 48,
  num_layers: 2,
  num_attention_heads: 4,
  multi_query_attention: true,
  multi_query_group_num: 2,
  kv_channels: 16,
  layernorm_epsilon: 1e-5,
  rope_ratio: 50,
  add_qkv_bias: true,
};

const llama3 = { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };

const record = (problem: number) => ({
  problem,
  sample: 0,
  split: 'tune',
  correct: problem === 1,
  answer: '7',
  finish: 'stop',
  ...Object.fromEntries(
    ['promptTokens', 'generatedTokens', 'meanEntries', 'peakEntries', 'finalEntries', 'meanBytes', 'peakBytes']
      .concat(['sideBytes', 'readBytes', 'compressions', 'maxTokens', 'seed'])
      .map((name, i) => [name, 3 * i]),
  ),
  task: { name: 'loops', version: 1 },
  policy: { name: 'full' },
});

const sweep = {
  name: 's',
  models: ['reasoner', 'other'],
  tasks: [{ name: 'loops', split: 'test', problems: 20, samplesPerProblem: 2 }, { name: 'chains' }],
  policies: [{ name: 'full', cache: ['f32', 'bf16'] }, { name: 'rpc', arm: 'ours', interval: [64, 128], window: 8, kernel: 7 }, { name: 'random', drawSeed: [0, 1, 2] }],
  seeds: [0, 1],
  sampling: { temperature: 0.6, topP: 0.95, topK: 0, minP: 0, maxTokens: 300, stop: ['x'], ignoreEos: true },
}; // prettier-ignore

const manifest = {
  format: 1,
  sweep: { name: 's', file: 'ab' },
  engine: { version: '0.1.0', addon: 'cd', simd: 'avx2', device: 'cpu' },
  models: [{ name: 'm', weightsHash: 'ef', files: '01' }],
  tasks: [{ name: 'loops', split: 'tune', problems: 2, samplesPerProblem: 1, version: 1, hash: '23' }],
  shard: { index: 1, of: 2 },
  cells: [
    { id: '0123456789abcdef', arm: 'full', problems: 2, samplesPerProblem: 1,
      settings: { split: 'tune', maxTokens: 9, policy: { name: 'full' }, model: 'm', weightsHash: 'ef', task: { name: 'loops', version: 1 }, seed: 0 } },
  ],
}; // prettier-ignore

const lines = (rows: object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const texts = (...values: object[]): string[] => values.map((value) => JSON.stringify(value));

export const samples = {
  traces: [
    lines([{ prompt: 'p', output: 'a b, ü 日本 😀' }, { output: 'Wait. Two.', problem: 3 }, { ids: [1, 2, 65536] }]),
    lines([{ ids: [], output: '' }, { problem: 'q', ids: [7], output: 'x' }]),
  ],
  tokenizers: texts(wordLevel, bpe, pairs),
  tokenizerConfigs: texts({
    bos_token: '<bos>',
    eos_token: { __type: 'AddedToken', content: '<eos>', special: true },
    tokenizer_class: 'PreTrainedTokenizerFast',
    add_bos_token: true,
    clean_up_tokenization_spaces: false,
    model_max_length: 4096,
    chat_template: "{% for m in messages %}{{ m['content'] }} {% endfor %}<think>",
  }),
  generationConfigs: texts({ max_new_tokens: 48, temperature: 0.8, top_p: 1, top_k: 20, min_p: 0.1, do_sample: true, eos_token_id: 1 }),
  configs: texts(config, { ...config, rope_scaling: llama3 }, { ...config, rope_parameters: { ...llama3, rope_theta: 5e5 } }, chatglm),
  indices: texts({ metadata: { total_size: 12 }, weight_map: { 'a.weight': 'model-00001.safetensors', b: 'model-00002.safetensors' } }),
  sweeps: texts(sweep, { name: 't', models: ['reasoner'], tasks: [{ name: 'loops' }], policies: [{ name: 'h2o', keep: [64, 128], pinPrompt: [true, false] }] }),
  manifests: texts(manifest, { ...manifest, shard: null }),
  records: [lines([record(0), record(1), record(2)])],
}; // prettier-ignore
