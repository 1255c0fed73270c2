/** Block types against the reference package: data/fixtures/gguf/blocks.json, whose make.py says how it was made. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { blockType } from './block-types.js';
import { type TypeName, typeIds } from './build.mjs';

const { types } = JSON.parse(readFileSync(new URL('../../../data/fixtures/gguf/blocks.json', import.meta.url), 'utf8')) as {
  types: Record<TypeName, { blocks: string; values: string }>;
};
const bytesOf = (base64: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(base64, 'base64'));

it.each(Object.keys(typeIds) as TypeName[])('%s: every bit as gguf.dequantize gives it', (name) => {
  const { blocks, values } = types[name];
  const type = blockType(typeIds[name]);
  const decoded = new Float32Array(512);
  expect(type.name).toBe(name);
  expect(bytesOf(blocks).length).toBe((512 / type.elements) * type.bytes);
  type.decode!(bytesOf(blocks), decoded);
  expect(new Uint32Array(decoded.buffer)).toEqual(new Uint32Array(bytesOf(values).buffer));
});

it('knows types that it cannot read by name', () => {
  expect(blockType(23)).toEqual({ name: 'IQ4_XS', elements: 1, bytes: 1 });
  expect(blockType(999)).toEqual({ name: '999', elements: 1, bytes: 1 });
});
