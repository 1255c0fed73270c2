import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readHeadlines, saveHeadline, showHeadline } from './headline.js';
import type { Grid } from './grid.js';
import { recordTimes, useRecord, type RecordSettings } from './records.js';

let root: string;
beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'pathpress-records-'))));
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true });
});

const settings: RecordSettings = {
  command: 'notebooks/03.ipynb',
  models: { reasoner: 'aa' },
  tasks: { loops: 1 },
  options: { intervals: [64, 128] },
};
const places = () => ({ folder: join(root, 'records'), cache: join(root, 'cache') });
const squares = (made: string[]) => async (grid: Grid) => {
  const rows = [];
  for (const key of ['1', '2', '3']) rows.push(await grid.cell(key, () => (made.push(key), Number(key) ** 2)));
  return { rows };
};

describe('useRecord', () => {
  it('makes a record once, and reads it from then on', async () => {
    const made: string[] = [];
    const fresh = await useRecord('squares', settings, squares(made), { ...places(), fresh: true });
    expect(fresh).toMatchObject({ ...settings, name: 'squares', device: 'cpu', data: { rows: [1, 4, 9] } });
    const read = await useRecord('squares', settings, squares(made), places());
    expect(read).toEqual(fresh);
    expect(made).toEqual(['1', '2', '3']);
    writeFileSync(join(root, 'records', 'soak.json'), '{"name": "soak"}'); // not a notebook's: no time of its own
    expect(recordTimes(() => true, join(root, 'records'))).toEqual([{ name: 'squares', seconds: fresh.seconds }]);
    expect(readdirSync(join(root, 'cache', 'squares'))).toEqual([]);
    expect(JSON.parse(readFileSync(join(root, 'records', 'squares.json'), 'utf8'))).toEqual(fresh);
  });

  it('goes on with the cells that a killed run had made', async () => {
    const made: string[] = [];
    const dies = async (grid: Grid) => {
      await grid.cell('1', () => (made.push('1'), 1));
      throw new Error('killed');
    };
    await expect(useRecord('squares', settings, dies, { ...places(), fresh: true })).rejects.toThrow('killed');
    expect(existsSync(join(root, 'records'))).toBe(false);
    const [file] = readdirSync(join(root, 'cache', 'squares'));
    appendFileSync(join(root, 'cache', 'squares', file), '{"key":"2","seco'); // torn
    const { data } = await useRecord('squares', settings, squares(made), { ...places(), fresh: true });
    expect(data).toEqual({ rows: [1, 4, 9] });
    expect(made).toEqual(['1', '2', '3']);
  });

  it('does not go on with the cells of other settings', async () => {
    const made: string[] = [];
    const dies = async (grid: Grid) => {
      await grid.cell('1', () => 'another');
      throw new Error('killed');
    };
    await expect(
      useRecord('squares', { ...settings, options: 1 }, dies, { ...places(), fresh: true }),
    ).rejects.toThrow();
    await useRecord('squares', settings, squares(made), { ...places(), fresh: true });
    expect(made).toEqual(['1', '2', '3']);
  });

  it('does not go on with the cells of another instruction set', async () => {
    const made: string[] = [];
    const dies = async (grid: Grid) => {
      await grid.cell('1', () => 'another');
      throw new Error('killed');
    };
    vi.stubEnv('PATHPRESS_SIMD', 'scalar');
    await expect(useRecord('squares', settings, dies, { ...places(), fresh: true })).rejects.toThrow('killed');
    vi.stubEnv('PATHPRESS_SIMD', 'avx2');
    const { machine } = await useRecord('squares', settings, squares(made), { ...places(), fresh: true });
    expect(made).toEqual(['1', '2', '3']);
    expect(machine.simd).toBe('avx2');
  });

  it('refuses a record of another model, task version or choice, and a missing one', async () => {
    await useRecord('squares', settings, squares([]), { ...places(), fresh: true });
    const others: [string, RecordSettings][] = [
      ['models', { ...settings, models: { reasoner: 'bb' } }],
      ['tasks', { ...settings, tasks: { loops: 2 } }],
      ['options', { ...settings, options: { intervals: [64] } }],
    ];
    for (const [key, other] of others) {
      await expect(useRecord('squares', other, squares([]), places())).rejects.toMatchObject({
        code: 'RECORD_MISMATCH',
        message: expect.stringContaining(`was made with ${key} `),
      });
    }
    await expect(useRecord('none', settings, squares([]), places())).rejects.toMatchObject({ code: 'RECORD_MISMATCH' });
  });
});

describe('headlines', () => {
  it('are saved by notebook and shown with their interval', () => {
    saveHeadline('03-accuracy', [{ label: 'full', value: 0.965, low: 0.93, high: 0.983, unit: '%' }], root);
    saveHeadline('01-sparsity', [{ label: 'entropy', value: 8.58961, unit: 'bits' }], root);
    const read = readHeadlines(root);
    expect(read.map(({ notebook }) => notebook)).toEqual(['01-sparsity', '03-accuracy']);
    expect(read.flatMap(({ rows }) => rows.map(showHeadline))).toEqual(['8.590 bits', '96.5 % [93.0, 98.3]']);
  });

  it('refuse what is no number', () => {
    expect(() => saveHeadline('x', [{ label: 'a', value: Number.NaN }], root)).toThrow(
      expect.objectContaining({ code: 'BAD_OPTION' }),
    );
    expect(existsSync(join(root, 'x.headline.json'))).toBe(false);
  });
});
