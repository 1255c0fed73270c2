/**
 * Rope scaling. Of Llama 3's rule a GGUF file keeps only what comes of it, a divisor for each frequency in the tensor
 * `rope_freqs.weight`; config.json wants the rule's four numbers, which are found again and checked.
 */
import { PathPressError } from '../../engine/errors.js';
import type { GgufFile } from './file.js';
import type { Metadata } from './metadata.js';

export const frequencyDivisors = 'rope_freqs.weight';

interface Rule {
  factor: number;
  low_freq_factor: number;
  high_freq_factor: number;
  original_max_position_embeddings: number;
}

/** Every published model has these two; the factor is 8 or 32, the original length 8192. */
const published = { low_freq_factor: 1, high_freq_factor: 4 };

/**
 * The divisors of a rule, one for each of `headDim / 2` frequencies, as transformers' `_compute_llama3_parameters`
 * makes them: 1 for short waves, the factor for long ones, a blend between.
 */
function divisorsOf(rule: Rule, theta: number, headDim: number): number[] {
  return Array.from({ length: headDim / 2 }, (_, i) => {
    const waves = rule.original_max_position_embeddings / (2 * Math.PI * theta ** ((2 * i) / headDim));
    const blend = (waves - rule.low_freq_factor) / (rule.high_freq_factor - rule.low_freq_factor);
    const share = Math.min(1, Math.max(0, blend));
    return 1 / ((1 - share) / rule.factor + share);
  });
}

/** The rule whose divisors these are to float32's precision, undefined where none is. */
export function findRule(divisors: number[], theta: number): Rule | undefined {
  const headDim = divisors.length * 2;
  const factor = Math.max(...divisors);
  const { low_freq_factor: low, high_freq_factor: high } = published;
  // Between the ends the blend is a straight line over 1 / wavelength, whose slope is the original length.
  const blends = divisors.map((divisor) => (1 / divisor - 1 / factor) / (1 - 1 / factor));
  const i = blends.findIndex((blend) => blend > 1e-4 && blend < 1 - 1e-4);
  const length = i < 0 ? 8192 : (low + blends[i] * (high - low)) * 2 * Math.PI * theta ** ((2 * i) / headDim);
  const rule = { factor, ...published, original_max_position_embeddings: Math.round(length) };
  const same = divisorsOf(rule, theta, headDim).every((divisor, at) => Math.abs(divisor - divisors[at]) <= 1e-5 * divisor);
  return same ? rule : undefined;
}

/**
 * The field `rope_scaling` of config.json, or nothing where there is none.
 * @throws BAD_GGUF for a kind of scaling that the engine does not have, BAD_TENSOR for divisors that are not Llama 3's rule
 */
export async function ropeScaling(file: GgufFile, architecture: string, theta: number, headDim: number): Promise<{ rope_scaling?: object }> {
  const stated = statedScaling(file.metadata, architecture);
  const divisors = await readDivisors(file, headDim);
  if (divisors.every((divisor) => divisor === 1)) return stated;
  if (stated.rope_scaling) {
    const key = `${architecture}.rope.scaling.type`;
    throw file.metadata.fail(key, `is ${JSON.stringify(stated.rope_scaling.rope_type)} beside tensor "${frequencyDivisors}": not supported`);
  }
  const rule = findRule(divisors, theta);
  if (rule) return { rope_scaling: { rope_type: 'llama3', ...rule } };
  throw new PathPressError('BAD_TENSOR', `${file.path}: tensor "${frequencyDivisors}" does not follow Llama 3's rule`);
}

/** What llama.cpp takes where a key is absent, as transformers does; the first scales attention whatever the type. */
const usualDials = { attn_factor: 1, yarn_attn_factor: 1, yarn_ext_factor: 1, yarn_beta_fast: 32, yarn_beta_slow: 1 };

/** What the keys say, as llama.cpp reads them: a factor without a type is linear, and once had a name of its own. */
function statedScaling(metadata: Metadata, architecture: string): { rope_scaling?: { rope_type: string } & Record<string, unknown> } {
  const key = (name: string) => `${architecture}.rope.${name}`;
  const type = metadata.text(key('scaling.type'), 'linear');
  const factor = metadata.positive(key('scaling.factor'), metadata.positive(key('scale_linear'), 1));
  const refuse = (name: string, what: string) => metadata.fail(key(name), `is ${what}: not supported`);
  if (metadata.has(key('scaling.yarn_log_multiplier'))) throw refuse('scaling.yarn_log_multiplier', 'there');
  for (const [name, usual] of Object.entries(usualDials)) {
    const value = metadata.positive(key(`scaling.${name}`), usual);
    if (value !== usual) throw refuse(`scaling.${name}`, String(value));
  }
  if (!['none', 'linear', 'yarn'].includes(type)) throw refuse('scaling.type', `${JSON.stringify(type.slice(0, 80))} (factor ${factor})`);
  if (type === 'none' || factor === 1) return {};
  if (type === 'linear') return { rope_scaling: { rope_type: type, factor } };
  // llama.cpp goes on shrinking attention below a factor of 1, transformers does not.
  if (factor < 1) throw refuse('scaling.factor', `${factor} (type "yarn")`);
  const trained = metadata.whole(`${architecture}.context_length`, 1, 2 ** 31 - 1);
  const original = metadata.whole(key('scaling.original_context_length'), 1, 2 ** 31 - 1, trained);
  return { rope_scaling: { rope_type: type, factor, original_max_position_embeddings: original } };
}

async function readDivisors(file: GgufFile, headDim: number): Promise<number[]> {
  const tensor = file.tensors.get(frequencyDivisors);
  if (!tensor) return [];
  if (tensor.shape.join() !== String(headDim / 2) || tensor.type.name !== 'F32') {
    throw new PathPressError(
      'BAD_TENSOR',
      `${file.path}: tensor "${tensor.name}" is ${tensor.type.name} [${tensor.shape}], not F32 [${headDim / 2}]`,
    );
  }
  const bytes = new Uint8Array(tensor.bytes);
  await file.read(bytes, tensor.begin);
  const divisors = new Float32Array(headDim / 2);
  tensor.type.decode!(bytes, divisors);
  return Array.from(divisors);
}
