import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packageRoot } from '../package.js';
import { freshSeconds, reproduce } from './reproduce.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'pathpress-reproduce-'));
  for (const folder of ['notebooks', 'figures', 'data/records']) mkdirSync(join(root, folder), { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true }));

function notebook(name: string, ...cells: string[]): void {
  const code = cells.map((source) => ({ cell_type: 'code', source, metadata: {}, outputs: [], execution_count: null }));
  writeFileSync(
    join(root, 'notebooks', `${name}.ipynb`),
    JSON.stringify({ cells: code, metadata: {}, nbformat: 4, nbformat_minor: 5 }),
  );
}

const built = existsSync(join(packageRoot, 'dist', 'notebook', 'kernel-preload.js'));

describe('reproduce', () => {
  it.skipIf(!built)('runs notebooks in order, and says what they made (needs a build)', async () => {
    notebook(
      '02-second',
      `import { writeFileSync } from 'fs'; writeFileSync('../figures/late.json', '{}')`,
      `writeFileSync('../figures/fresh.txt', String(process.env.PATHPRESS_FRESH))`,
    );
    notebook(
      '01-first',
      `import { writeFileSync } from 'fs'; const useRecord = (name: string) => name; useRecord('early')`,
      `for (const end of ['svg', 'png']) writeFileSync('../figures/early.' + end, '12345')`,
    );
    writeFileSync(join(root, 'figures', 'left.svg'), 'from another day');
    utimesSync(join(root, 'figures', 'left.svg'), 1, 1);
    for (const name of ['01-first', '09-gone'])
      writeFileSync(join(root, 'figures', `${name}.headline.json`), '[{"label":"a","value":1}]');
    writeFileSync(join(root, 'data/records/early.json'), JSON.stringify({ name: 'early', command: 'x', seconds: 90 }));
    const [seen, work]: [string[], unknown[]] = [[], []];
    const made = await reproduce({
      root,
      fresh: true,
      onProgress: (progress) => {
        seen.push(`${progress.notebook} ${progress.cellsDone}/${progress.cells}`);
        work.push(progress.work);
      },
    });
    expect(made.notebooks.map(({ cells }) => cells)).toEqual([2, 2]);
    expect(made.figures).toEqual([
      { name: 'early', formats: ['png', 'svg'], bytes: 10 },
      { name: 'late', formats: ['json'], bytes: 2 },
    ]);
    expect(made.older).toEqual(['left.svg']);
    expect(made.headlines).toEqual([{ notebook: '01-first', rows: [{ label: 'a', value: 1 }] }]);
    expect(seen).toEqual([
      '01-first 0/4',
      '01-first 1/4',
      '01-first 2/4',
      '02-second 2/4',
      '02-second 3/4',
      '02-second 4/4',
    ]);
    expect(work.slice(0, 2)).toEqual([
      { done: 0, cell: 90.5, total: 92 },
      { done: 90.5, cell: 0.5, total: 92 },
    ]);
    expect(work.at(-1)).toEqual({ done: 92, cell: 0, total: 92 });
    expect(readFileSync(join(root, 'figures', 'fresh.txt'), 'utf8')).toBe('1');
  });

  it.skipIf(!built)('stops at the cell that fails, by its name (needs a build)', async () => {
    notebook('01-broken', 'const x = 1', `throw new Error('the oven is cold')`);
    await expect(reproduce({ root })).rejects.toMatchObject({
      code: 'NOTEBOOK_FAILED',
      message: expect.stringMatching(/01-broken.*cell 2.*the oven is cold/s),
    });
  });

  it('needs a notebook', async () => {
    await expect(reproduce({ root })).rejects.toMatchObject({ code: 'BAD_FILE' });
  });

  it('knows from the records how long a fresh run takes, without those whose folders are not there', async () => {
    expect(await freshSeconds(root)).toEqual(new Map());
    for (const [name, seconds, folder] of [
      ['a', 60.5, ''],
      ['b', 30, ''],
      ['c', 7, 'PATHPRESS_HERE=DIR '],
      ['d', 5, 'PATHPRESS_HERE=DIR PATHPRESS_NOWHERE=DIR '],
    ] as const) {
      const command = `${folder}PATHPRESS_FRESH=1 npx pathpress notebook run`;
      writeFileSync(join(root, 'data/records', `${name}.json`), JSON.stringify({ name, command, seconds }));
    }
    process.env.PATHPRESS_HERE = root;
    expect(await freshSeconds(root)).toEqual(new Map([['a', 60.5], ['b', 30], ['c', 7]]));
    delete process.env.PATHPRESS_HERE;
  });
});
