/** Rotated queries and keys of a checkpoint's first layer, worked out from its weights: they depend on nothing but a token and its position. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface FirstLayer {
  heads: number;
  kvHeads: number;
  /** The rotated query or key of one head, (head size). */
  rotated(which: 'q' | 'k', token: number, position: number, head: number): number[];
}

/** @param folder a checkpoint of the family Llama, float32, without biases */
export function firstLayer(folder: string): FirstLayer {
  const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as Record<string, number>;
  const hidden = config.hidden_size;
  const heads = config.num_attention_heads;
  const dim = hidden / heads;
  const file = readFileSync(join(folder, 'model.safetensors'));
  const headerBytes = Number(file.readBigUInt64LE());
  const header = JSON.parse(file.toString('utf8', 8, 8 + headerBytes)) as Record<string, { data_offsets: [number, number] }>;
  const tensor = (name: string): Float32Array => {
    const [begin, end] = header[name].data_offsets;
    return new Float32Array(Uint8Array.from(file.subarray(8 + headerBytes + begin, 8 + headerBytes + end)).buffer);
  };
  const embedding = tensor('model.embed_tokens.weight');
  const norm = tensor('model.layers.0.input_layernorm.weight');
  const weights = { q: tensor('model.layers.0.self_attn.q_proj.weight'), k: tensor('model.layers.0.self_attn.k_proj.weight') };

  return {
    heads,
    kvHeads: config.num_key_value_heads,
    rotated(which, token, position, head) {
      const x = Array.from(embedding.subarray(token * hidden, (token + 1) * hidden));
      const scale = 1 / Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / hidden + config.rms_norm_eps);
      const out = Array.from({ length: dim }, (_, i) =>
        x.reduce((sum, v, k) => sum + v * scale * norm[k] * weights[which][(head * dim + i) * hidden + k], 0),
      );
      return out.map((value, i) => {
        const angle = position / config.rope_theta ** ((2 * (i % (dim / 2))) / dim);
        const other = i < dim / 2 ? -out[i + dim / 2] : out[i - dim / 2];
        return value * Math.cos(angle) + other * Math.sin(angle);
      });
    },
  };
}
