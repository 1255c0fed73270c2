/**
 * The same folders, and SmolLM2-135M whole, by the CUDA engine in emulation and by the CPU engine. It takes minutes, and
 * is asked for: PATHPRESS_EMULATE=1 npx vitest run src/cli/real-folder-emulated.test.ts
 */
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readCheckpoint } from '../engine/checkpoint.js';
import { importGguf } from '../models/gguf/import.js';
import { loadTokenizer } from '../tokenizer/tokenizer.js';
import { temporaryFolder } from './harness.mjs';
import { dataAbsent, realModels, writeRealFolder } from './real-folder.mjs';

interface Outcome {
  ids: number[];
  compressions: number;
}

/** Beside the CPU engine's: logits in deviations of their row, and sets of kept positions. */
interface Beside extends Outcome {
  deviations: number;
  sets: number;
  wrongSets: number;
}

interface Told {
  /** That the native tests want of models of one to three layers. */
  bound: number;
  cpu: Outcome;
  /** The CPU engine where products see their inputs in float32: what the roundings to bfloat16 change. */
  exact: Beside;
  device: Beside;
}

const program = 'build/native/cuda_emulated_checkpoint';
const folder = temporaryFolder();
afterAll(folder.remove);

// P = 8, R = 3, c = 2: of 11 generated tokens 7 stay, of 15 then 11.
const rpc = { maxTokens: 20, interval: 8, window: 3, ratio: 2, kernel: 3 };
const compressions = 2;

// Of two tokens that bfloat16 cannot tell apart either may be drawn: after these prompts none such is.
const prompts: Record<string, string> = {
  'DeepSeek-R1-Distill-Qwen-7B': 'Name three rivers in Europe.',
  'DeepSeek-R1-Distill-Llama-8B': 'What is 17 times 23?',
  'QwQ-32B': 'What is 17 times 23?',
  'Llama-3.1-8B-Instruct': 'What is 17 times 23?',
};

async function emulate(model: string, prompt: string): Promise<Told> {
  const { config, weightFiles, eosIds } = await readCheckpoint(model);
  const promptIds = (await loadTokenizer(model)).applyChat([{ role: 'user', content: prompt }]);
  const request = join(folder.path, 'request.json');
  writeFileSync(request, JSON.stringify({ config, weightFiles, promptIds, stopIds: eosIds, ...rpc }));
  const { status, stdout, stderr } = spawnSync(program, [request], { encoding: 'utf8' });
  expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' }); // a fault that the emulator saw is status 1
  console.log(`${model}: ${stdout}`);
  return JSON.parse(stdout) as Told;
}

const absent = !process.env.PATHPRESS_EMULATE
  ? ' (skipped: PATHPRESS_EMULATE is not set)'
  : existsSync(program) ? '' : ` (skipped: there is no ${program})`;

describe.skipIf(absent)(`in emulation${absent}`, { timeout: 1_200_000 }, () => {
  const noData = dataAbsent ? ' (skipped: no shared data)' : '';
  it.skipIf(dataAbsent).each(realModels)(`$name generates and compresses as on the CPU${noData}`, async (real) => {
    const model = join(folder.path, real.name);
    writeRealFolder(model, real, { layers: 1, hidden: 64 });
    const { bound, cpu, device } = await emulate(model, prompts[real.name]);
    expect(device).toMatchObject({ ids: cpu.ids, compressions, sets: compressions, wrongSets: 0 });
    expect(device.deviations).toBeLessThan(bound);
  });

  const gguf = process.env.PATHPRESS_SMOLLM2 ?? '';
  const noModel = existsSync(gguf) ? '' : ' (skipped: PATHPRESS_SMOLLM2 names no file)';
  it.skipIf(noModel)(`SmolLM2-135M, all 30 layers${noModel}`, async () => {
    const model = join(folder.path, 'smollm2');
    await importGguf({ file: gguf, out: model, weights: 'bf16' });
    const { cpu, exact, device } = await emulate(model, 'Why is the sky blue?');
    expect(device).toMatchObject({ ids: cpu.ids, compressions, sets: 30 * compressions, wrongSets: 0 });
    // Ten times as many roundings as in three layers. Those of the inputs of products alone take the CPU engine as far as
    // `exact` says; the device also rounds queries and the weights of attention, which may take it half as far again.
    expect(device.deviations).toBeLessThan(1.5 * exact.deviations);
  });
});
