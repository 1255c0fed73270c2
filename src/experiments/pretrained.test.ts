import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import { importedFolder } from './pretrained.js';

it('imports of two files never share a folder, and a file that moved keeps its own', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pathpress-gguf-'));
  const [one, copy, other] = ['one', 'copy', 'other'].map((name) => join(folder, `${name}.gguf`));
  writeFileSync(one!, 'weights');
  writeFileSync(copy!, 'weights');
  writeFileSync(other!, 'Weights');
  expect(importedFolder(copy!)).toBe(importedFolder(one!));
  expect(importedFolder(other!)).not.toBe(importedFolder(one!));
  // The first digits of printf weights | sha256sum.
  expect(basename(importedFolder(one!))).toMatch(/^smollm2-bf16-9a129038d9a00aed-\d+$/);
  rmSync(folder, { recursive: true });
});
