import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readRecords, recordsSoFar } from './records-file.js';

const folder = mkdtempSync(join(tmpdir(), 'pathpress-records-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('names a file of records that is not there, but to who may come before it', () => {
  const missing = join(folder, 'typo.jsonl');
  expect(() => readRecords(missing)).toThrowError(expect.objectContaining({ code: 'BAD_FILE', message: expect.stringMatching(/typo\.jsonl: cannot be read \(ENOENT\)/) }));
  expect(recordsSoFar(missing)).toEqual([]);
  writeFileSync(missing, '');
  expect(readRecords(missing)).toEqual([]);
});
