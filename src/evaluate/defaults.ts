import { z } from 'zod';
import { readGenerationConfig } from '../engine/generation-config.js';
import type { Sampling } from '../engine/types.js';

/** Sampling and length where a user names none. */
export interface GenerationDefaults extends Omit<Sampling, 'seed'> {
  maxTokens: number;
}

/** What holds where neither the user nor the model says anything. */
export const fallback: GenerationDefaults = { maxTokens: 256, temperature: 0.6, topP: 0.95, topK: 0, minP: 0 };

const schema = z.object({
  do_sample: z.boolean().nullish(),
  max_new_tokens: z.number().int().min(1).nullish(),
  temperature: z.number().min(0).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  top_k: z.number().int().min(0).nullish(),
  min_p: z.number().min(0).max(1).nullish(),
});

/**
 * Sampling that a model's generation_config.json asks for; `fallback` for what it leaves out or where there is none;
 * `do_sample: false` is greedy.
 * @throws PathPressError BAD_FILE, BAD_UTF8, BAD_JSON, or BAD_CONFIG naming the file, the key and the value.
 */
export async function generationDefaults(model: string): Promise<GenerationDefaults> {
  const config = (await readGenerationConfig(model, schema)) ?? {};
  return {
    maxTokens: config.max_new_tokens ?? fallback.maxTokens,
    temperature: config.do_sample === false ? 0 : (config.temperature ?? fallback.temperature),
    topP: config.top_p ?? fallback.topP,
    topK: config.top_k ?? fallback.topK,
    minP: config.min_p ?? fallback.minP,
  };
}

/** Settings that no run here applies, each with the value that changes nothing. */
const idle: Readonly<Record<string, unknown>> = {
  repetition_penalty: 1, encoder_repetition_penalty: 1, no_repeat_ngram_size: 0, encoder_no_repeat_ngram_size: 0, bad_words_ids: null,
  sequence_bias: null, suppress_tokens: null, begin_suppress_tokens: null, forced_bos_token_id: null, forced_eos_token_id: null,
  min_length: 0, min_new_tokens: 0, exponential_decay_length_penalty: null, stop_strings: null, num_beams: 1,
  typical_p: 1, epsilon_cutoff: 0, eta_cutoff: 0, top_h: null, penalty_alpha: 0, guidance_scale: 1, watermarking_config: null, dola_layers: null,
}; // prettier-ignore
const unheeded = z.record(z.string(), z.unknown());

/**
 * What a model's generation_config.json asks for that changes which tokens are drawn, and that no run here does: each as
 * "key value".
 * @throws PathPressError as `generationDefaults`
 */
export async function unheededSettings(model: string): Promise<string[]> {
  const config = (await readGenerationConfig(model, unheeded)) ?? {};
  return Object.entries(idle).flatMap(([key, usual]) => {
    const value = config[key] ?? usual;
    return value === usual ? [] : [`${key} ${JSON.stringify(value)}`];
  });
}
