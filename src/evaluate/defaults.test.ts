import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { fallback, generationDefaults } from './defaults.js';

const folder = mkdtempSync(join(tmpdir(), 'pathpress-defaults-'));
afterAll(() => rmSync(folder, { recursive: true }));
const given = (content: string) => {
  writeFileSync(join(folder, 'generation_config.json'), content);
  return generationDefaults(folder);
};

describe('generation_config.json', () => {
  it('falls back where there is none, and for what it leaves out', async () => {
    expect(await generationDefaults(join(folder, 'none'))).toEqual(fallback);
    expect(await given('{"temperature": 1.1, "max_new_tokens": 4000}')).toEqual({
      ...fallback,
      temperature: 1.1,
      maxTokens: 4000,
    });
    expect(await given('{"top_p": 1, "top_k": 20, "min_p": 0.05}')).toEqual({
      ...fallback,
      topP: 1,
      topK: 20,
      minP: 0.05,
    });
  });

  it('is greedy without sampling', async () => {
    expect((await given('{"do_sample": false, "temperature": 0.7}')).temperature).toBe(0);
  });

  it.each([
    ['{', 'BAD_JSON', /generation_config\.json: not JSON/],
    ['[]', 'BAD_CONFIG', /the file \[\]: .*object/],
    ['{"temperature": "hot"}', 'BAD_CONFIG', /temperature "hot"/],
    ['{"max_new_tokens": 0}', 'BAD_CONFIG', /max_new_tokens 0/],
    ['{"max_new_tokens": 1.5}', 'BAD_CONFIG', /max_new_tokens 1.5/],
    ['{"top_p": 1.5}', 'BAD_CONFIG', /top_p 1.5/],
    ['{"top_p": 0}', 'BAD_CONFIG', /top_p 0/],
    ['{"do_sample": "no"}', 'BAD_CONFIG', /do_sample "no"/],
  ])('refuses %s', async (content, code, message) => {
    await expect(given(content)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });
});
