import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { makeFolder } from './make-folder.js';

const folder = mkdtempSync(join(tmpdir(), 'make-folder-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('makes what is missing, and leaves what is there', () => {
  makeFolder(join(folder, 'a', 'b', '..', 'c'));
  writeFileSync(join(folder, 'a', 'c', 'kept'), '');
  makeFolder(join(folder, 'a', 'c'));
  expect(statSync(join(folder, 'a', 'c')).isDirectory()).toBe(true);
  expect(existsSync(join(folder, 'a', 'c', 'kept'))).toBe(true);
});

it('says what is in the way', () => {
  writeFileSync(join(folder, 'file'), '');
  const code = (code: string) => expect.objectContaining({ code });
  expect(() => makeFolder(join(folder, 'file'))).toThrow(code('EEXIST'));
  expect(() => makeFolder(join(folder, 'file', 'under'))).toThrow(code('ENOTDIR'));
});

it.skipIf(!existsSync('/proc/self'))('ends where a parent takes no folder', () => {
  expect(() => makeFolder('/proc/none/below')).toThrow(expect.objectContaining({ code: 'ENOENT' }));
});
