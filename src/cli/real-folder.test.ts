/** `generate --policy rpc` on folders of the models that the paper ran: nothing but the folder is needed. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCheckpoint } from '../engine/checkpoint.js';
import { loadTokenizer, type Tokenizer } from '../tokenizer/tokenizer.js';
import { pathpress, temporaryFolder } from './harness.mjs';
import { dataAbsent, realModels, swapRows, writeRealFolder } from './real-folder.mjs';

interface Golden {
  prompts: string[];
  models: Record<string, { thinking: [number, number] | null; prompts: { count: number; sha256: string; last: number[] }[] }>;
}

// By transformers 5.24, from the same files: data/fixtures/chat/make.py.
const golden = JSON.parse(readFileSync('data/fixtures/chat/ids.json', 'utf8')) as Golden;
const [prompt, manifold] = golden.prompts;

// The tokens at which generation ends, by their names in the models' cards.
const stops: Record<string, string[]> = {
  'DeepSeek-R1-Distill-Qwen-7B': ['<｜end▁of▁sentence｜>'],
  'DeepSeek-R1-Distill-Llama-8B': ['<｜end▁of▁sentence｜>'],
  'QwQ-32B': ['<|im_end|>', '<|endoftext|>'],
  'Llama-3.1-8B-Instruct': ['<|end_of_text|>', '<|eom_id|>', '<|eot_id|>'],
};

const folder = temporaryFolder();
afterAll(folder.remove);

const skipped = dataAbsent ? ' (skipped: models and tokenizers are neither in ../shared/data nor beside what PATHPRESS_TRACES names)' : '';
describe.skipIf(dataAbsent).each(realModels)(`a folder of $name${skipped}`, { timeout: 300_000 }, (real) => {
  const model = join(folder.path, real.name);
  const { thinking, prompts } = golden.models[real.tokenizer] ?? {};
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    writeRealFolder(model, real, { layers: 2, hidden: 64 });
    tokenizer = await loadTokenizer(model);
  });

  const run = async (...args: (string | number)[]) => {
    const { status, out, err } = await pathpress(['generate', '--model', model, '--json', ...args]);
    expect(status, err).toBe(0);
    return JSON.parse(out) as Record<string, any>;
  };
  const chat = ['--chat', '--prompt', prompt];
  const rpc = ['--policy', 'rpc', '--interval', 16, '--window', 4, '--max-tokens', 40];

  it('has the ids of transformers, and their text back', () => {
    const ids = golden.prompts.map((content) => tokenizer.applyChat([{ role: 'user', content }]));
    const told = ids.map((row) => {
      const sha256 = createHash('sha256').update(row.join(',')).digest('hex');
      return { count: row.length, sha256, last: row.slice(-4) };
    });
    expect(told).toEqual(prompts);
    ids.forEach((row, i) => {
      const text = tokenizer.decode(row);
      expect(text).toContain(golden.prompts[i].trim()); // Llama's template trims
      expect(tokenizer.encode(text)).toEqual(row);
    });
  });

  it('chats under RPC with what the folder says', async () => {
    const result = await run(...chat, ...rpc);
    const { count, last } = prompts[0];
    expect(result.promptTokens).toBe(count);
    expect(result.compressions).toEqual([
      { generated: 20, before: count + 20, after: count + 8 },
      { generated: 36, before: count + 24, after: count + 12 },
    ]);
    const { temperature, top_p, top_k = 0 } = real.generation as Record<string, number>;
    const ids = tokenizer.applyChat([{ role: 'user', content: prompt }]).join(',');
    const stated = ['--temperature', temperature, '--top-p', top_p, '--top-k', top_k, '--seed', 0];
    expect((await run('--prompt-ids', ids, ...rpc, ...stated)).ids).toEqual(result.ids);
    expect((await run(...chat, ...rpc, '--seed', 1)).ids).not.toEqual(result.ids);
    expect(result.text).toBe(tokenizer.decode(result.ids));
    const streamed = await pathpress(['generate', '--model', model, ...chat, ...rpc, '--stream']);
    expect(streamed.out).toBe(`${result.text}\n`);
    // Models that think begin in their thoughts.
    expect(last.at(-2) === thinking?.[0]).toBe(thinking !== null);
    if (thinking) expect(thinking.map((id) => tokenizer.token(id))).toEqual(['<think>', '</think>']);
  });

  it('ends at each stop id of the real model, and where thinking ends if it is told to', async () => {
    const { eosIds } = await readCheckpoint(model);
    expect(eosIds).toEqual([real.generation.eos_token_id].flat());
    expect(eosIds.map((id) => tokenizer.token(id))).toEqual(stops[real.name]);
    const greedy = ['--chat', '--prompt', manifold, '--temperature', 0, '--max-tokens', 24];
    const { ids } = (await run(...greedy)) as { ids: number[] };
    const at = ids.findIndex((id, i) => i > 2 && !ids.slice(0, i).includes(id)); // drawn there for the first time
    expect(at).toBeGreaterThan(2);
    const drawnInstead = async (id: number, ...flags: string[]) => {
      swapRows(model, 'lm_head.weight', ids[at], id);
      const result = await run(...greedy, ...flags);
      swapRows(model, 'lm_head.weight', ids[at], id);
      return result;
    };
    for (const id of eosIds) expect(await drawnInstead(id)).toMatchObject({ finish: 'stop', ids: ids.slice(0, at) });
    if (!thinking) return;
    const thoughts = tokenizer.decode(ids.slice(0, at));
    expect((await drawnInstead(thinking[1])).text).toContain(`${thoughts}</think>`);
    expect(await drawnInstead(thinking[1], '--stop', '</think>')).toMatchObject({ finish: 'stop', text: thoughts });
  });
});

it.skipIf(dataAbsent)(`compresses by RPC's own defaults${skipped}`, { timeout: 300_000 }, async () => {
  const model = join(folder.path, realModels[0].name);
  const flags = ['--chat', '--prompt', prompt, '--policy', 'rpc', '--max-tokens', 1060, '--temperature', 0, '--json'];
  const { status, out, err } = await pathpress(['generate', '--model', model, ...flags]);
  expect(status, err).toBe(0);
  expect(JSON.parse(out).compressions).toEqual([{ generated: 1056, before: 19 + 1056, after: 19 + 256 + 32 }]);
});
