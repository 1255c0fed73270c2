import { expect, it } from 'vitest';
import { z } from 'zod';
import { parseAs, parseJson, parseWritten } from './json-file.js';

it('shows what stands in a wrong place, however deep it is', () => {
  const value = parseJson(`{"a": ${'['.repeat(200_000)}${']'.repeat(200_000)}}`, 'deep.json');
  const refused = { code: 'BAD_CONFIG', message: expect.stringMatching(/^deep\.json: a nested too deep: /) };
  expect(() => parseAs(z.object({ a: z.number() }), value, 'deep.json')).toThrow(expect.objectContaining(refused));
});

it('refuses a written key whose value would be lost', () => {
  const refused = (message: string) => expect.objectContaining({ code: 'BAD_JSON', message });
  expect(() => parseWritten('{"a": {"__proto__": [1]}}', 'f')).toThrow(refused('f line 1: key "__proto__" names nothing'));
  expect(() => parseWritten('{"a": 1, "a": 2}', 'f')).toThrow(refused('f line 1: key "a" stands twice in one object'));
});
