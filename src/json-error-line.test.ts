import { expect, it } from 'vitest';
import { jsonErrorLine, lostKey } from './json-error-line.js';

// Lines as counted by hand; Python's json.loads names the same (JSONDecodeError.lineno).
it.each<[string, number]>([
  ['{"a": 1,\n"b": }', 2],
  ['{\n"a": [1,\n2,\n]\n}', 4],
  ['[1\n2]', 2],
  ['{"a" 1}', 1],
  ['{\n\n"a": 01}', 3],
  ['{"a": "x\ny"}', 1],
  ['[true,\nfalse,\nnul]', 3],
  ['{"a": {\n"b": [1, 2}\n}', 2],
  ['[1]\n\n7', 3],
  ['\n\n  x', 3],
  ["{'a': 1}", 1],
  ['[1,\n2', 2],
  ['{"a": "\\q"}', 1],
])('%j goes wrong in line %i', (text, line) => {
  expect(() => JSON.parse(text)).toThrow();
  expect(jsonErrorLine(text)).toBe(line);
});

it('is not stopped by depth, nor by a text without end', () => {
  expect(jsonErrorLine(`${'['.repeat(100_000)}\n}`)).toBe(2);
  expect(jsonErrorLine(`[\n"${'x'.repeat(20_000_000)}`)).toBe(2);
  expect(jsonErrorLine(`["${'x'.repeat(20_000_000)}"\n}`)).toBe(2);
});

// By hand.
const twice = 'stands twice in one object';
it.each<[string, ReturnType<typeof lostKey>]>([
  ['{"a": 1, "b": {"a": 2}, "c": [{"a": 3}, {"a": 4}]}', undefined],
  ['["a", "a", {"a": "__proto__"}]', undefined],
  ['{"a": 1,\n"b": 2,\n"a": 1}', { key: 'a', line: 3, why: twice }],
  ['[{"x": {\n"a\\/b": 1, "a/b": 2}}]', { key: 'a/b', line: 2, why: twice }],
  ['{"a": {"b": 1}, "b": [1, {"c": 1}],\n\n"b": 2, "a": 2}', { key: 'b', line: 3, why: twice }],
  ['{"a": 1,\n"\\u005f_proto__": 1}', { key: '__proto__', line: 2, why: 'names nothing' }],
  ['{"a": 1, "a"', { key: 'a', line: 1, why: twice }],
])('%j loses the value of %j', (text, expected) => {
  expect(lostKey(text)).toEqual(expected);
});
