// Starts endless streams on the add-on and leaves in the way it is told to. CommonJS, so that it starts as it stands, from src as from dist.
const { parentPort, workerData } = require('node:worker_threads');

const { addon, model, how, streams } = workerData;
const config = JSON.parse(require('node:fs').readFileSync(`${model}/config.json`, 'utf8'));
const { load } = require(addon);

const policy = { name: 'rpc', interval: 16, window: 4, ratio: 4 };
const request = {
  promptIds: Int32Array.of(1, 2, 3),
  policy,
  sampling: { temperature: 0, topP: 1, topK: 0, minP: 0, seed: 0 },
  maxTokens: 1e9,
  stopIds: new Int32Array(0),
  stream: Int32Array.of(0, 0),
  trace: false,
  tokens: true,
  lockstep: false,
  aborted: false,
};

load({
  config: {
    family: config.model_type,
    layers: config.num_hidden_layers,
    hidden: config.hidden_size,
    intermediate: config.intermediate_size,
    heads: config.num_attention_heads,
    kvHeads: config.num_key_value_heads,
    headDim: config.hidden_size / config.num_attention_heads,
    vocab: config.vocab_size,
    normEpsilon: config.rms_norm_eps,
    ropeTheta: config.rope_theta,
    ropeFraction: 0,
    ropeScaling: { type: 'default', factor: 1, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalPositions: 8192, betaFast: 32, betaSlow: 1, truncate: true, attentionFactor: 1 },
    tiedEmbeddings: config.tie_word_embeddings,
    attentionBias: false,
    mlpBias: false,
  },
  weightFiles: [`${model}/model.safetensors`],
  threads: 2,
  cache: '',
  simd: '',
  products: 'float32',
  device: 'cpu',
  cacheLimit: 0,
  prefillRows: 128,
}).then((engine) => {
  globalThis.engine = engine; // a collected engine ends its runs
  let seen = 0;
  for (let run = 0; run < streams; run++) {
    engine.start(run, [request, request], 2, (batch) => {
      seen += batch.tokens.length / 2;
      if (seen < 50) return;
      if (how === 'exit') process.exit(0);
      if (how === 'throw') setImmediate(() => { throw new Error('out of the worker'); });
      parentPort.postMessage(seen);
    });
  }
});
