/** How the next token is drawn: the settings of a model's generation_config.json, and what is accepted. */
import { join } from 'node:path';
import { z } from 'zod';
import { exists, parseAs, readJson } from './checkpoint.js';
import { PathPressError } from './errors.js';
import type { Sampling } from './types.js';

export interface GenerationDefaults {
  sampling: Sampling;
  maxTokens: number;
}

const schema = z.object({
  do_sample: z.boolean().optional(),
  temperature: z.number().nullish(),
  top_p: z.number().nullish(),
  top_k: z.number().nullish(),
  min_p: z.number().nullish(),
  max_new_tokens: z.number().int().positive().nullish(),
});

/** Settings of the model's generation_config.json; without the file 256 tokens at temperature 0.6, top-p 0.95. */
export async function generationDefaults(model: string): Promise<GenerationDefaults> {
  const path = join(model, 'generation_config.json');
  const found = (await exists(path)) ? parseAs(schema, await readJson(path), path) : undefined;
  const greedy = found?.do_sample === false;
  const sampling: Sampling = {
    temperature: greedy ? 0 : (found?.temperature ?? 0.6),
    topP: greedy ? 1 : (found?.top_p ?? 0.95),
    topK: greedy ? 0 : (found?.top_k ?? 0),
    minP: greedy ? 0 : (found?.min_p ?? 0),
    seed: 0,
  };
  return { sampling: checkSampling(sampling), maxTokens: found?.max_new_tokens ?? 256 };
}

/** @throws BAD_OPTION naming the setting and its value. */
export function checkSampling(sampling: Sampling): Sampling {
  const { temperature, topP, topK, minP, seed } = sampling;
  const refuse = (name: string, value: unknown, rule: string): never => {
    throw new PathPressError('BAD_OPTION', `sampling.${name} ${String(value)} is not ${rule}`);
  };
  if (!(Number.isFinite(temperature) && temperature >= 0)) refuse('temperature', temperature, 'a number of at least 0');
  if (!(topP > 0 && topP <= 1)) refuse('topP', topP, 'above 0 and at most 1');
  if (!(Number.isSafeInteger(topK) && topK >= 0 && topK <= 0x7fffffff)) refuse('topK', topK, 'a whole number from 0 on');
  if (!(minP >= 0 && minP <= 1)) refuse('minP', minP, 'between 0 and 1');
  if (!(Number.isSafeInteger(seed) && seed >= 0)) refuse('seed', seed, 'a whole number from 0 on');
  return sampling;
}
