/** The bundled models, opened with all that a notebook needs of them. */
import { join } from 'node:path';
import { openEngine } from '../engine/engine.js';
import type { Engine } from '../engine/types.js';
import { generationDefaults, type GenerationDefaults } from '../evaluate/defaults.js';
import { packageRoot } from '../package.js';
import { loadTokenizer, type Tokenizer } from '../tokenizer/tokenizer.js';

/** A bundled model: engine, tokenizer and defaults. */
export interface Bundle {
  /** A folder of data/models: `reasoner`, its further training seeds, `writer`. */
  name: string;
  folder: string;
  engine: Engine;
  tokenizer: Tokenizer;
  /** Sampling and length that fit the model's tasks. */
  defaults: GenerationDefaults;
  /** Disposes of the engine. */
  dispose(): void;
}

/**
 * Opens data/models/<name>; dispose of it when done.
 * @throws as `openEngine`, `loadTokenizer` and `generationDefaults`
 */
export async function openBundle(name: string, options: { threads?: number; cacheLimit?: number } = {}): Promise<Bundle> {
  const folder = join(packageRoot, 'data', 'models', name);
  const [tokenizer, defaults] = await Promise.all([loadTokenizer(folder), generationDefaults(folder)]);
  const engine = await openEngine({ model: folder, ...options });
  return { name, folder, engine, tokenizer, defaults, dispose: () => engine.dispose() };
}
