import { join } from 'node:path';
import type { z } from 'zod';
import { exists, parseAs, readJson } from '../json-file.js';

/**
 * What a schema takes of a model's generation_config.json; undefined where the folder has none.
 * @throws PathPressError BAD_FILE, BAD_UTF8, BAD_JSON, or BAD_CONFIG naming the file, the key and the value.
 */
export async function readGenerationConfig<T>(model: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const file = join(model, 'generation_config.json');
  return (await exists(file)) ? parseAs(schema, await readJson(file), file) : undefined;
}
