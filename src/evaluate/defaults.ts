import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PathPressError } from '../engine/errors.js';
import type { Sampling } from '../engine/types.js';

export interface GenerationDefaults extends Omit<Sampling, 'seed'> {
  maxTokens: number;
}

/** What holds where neither the user nor the model says anything. */
export const fallback: GenerationDefaults = { maxTokens: 256, temperature: 0.6, topP: 0.95, topK: 0, minP: 0 };

const keys = {
  max_new_tokens: ['maxTokens', (x: number) => Number.isInteger(x) && x >= 1],
  temperature: ['temperature', (x: number) => x >= 0],
  top_p: ['topP', (x: number) => x > 0 && x <= 1],
  top_k: ['topK', (x: number) => Number.isInteger(x) && x >= 0],
  min_p: ['minP', (x: number) => x >= 0 && x <= 1],
} as const;

/**
 * Sampling that a model's generation_config.json asks for; `fallback` for what it leaves out or where there is none;
 * `do_sample: false` is greedy.
 * @throws PathPressError BAD_CONFIG, naming the file, the key and the value.
 */
export async function generationDefaults(model: string): Promise<GenerationDefaults> {
  const file = join(model, 'generation_config.json');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return { ...fallback };
    throw new PathPressError('BAD_CONFIG', `${file}: cannot be read (${code})`, { cause });
  }
  const config = parse(text, file);
  const settled = { ...fallback };
  for (const [key, [name, fits]] of Object.entries(keys)) {
    const value = config[key];
    if (value === undefined || value === null) continue;
    if (typeof value !== 'number' || !fits(value))
      throw new PathPressError('BAD_CONFIG', `${file}: "${key}" is ${JSON.stringify(value)}`);
    settled[name] = value;
  }
  if (config.do_sample === false) settled.temperature = 0;
  return settled;
}

function parse(text: string, file: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (cause) {
    throw new PathPressError('BAD_CONFIG', `${file}: not JSON: ${(cause as Error).message}`, { cause });
  }
  throw new PathPressError('BAD_CONFIG', `${file}: not a JSON object`);
}
