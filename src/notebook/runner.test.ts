import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { installKernel } from './install-kernel.js';
import { NotebookError, runNotebooks, type NotebookProgress } from './runner.js';

vi.setConfig({ testTimeout: 240_000 });

/** As deep as notebooks lie, so that cells import from dist as theirs do; where no package that is made meanwhile holds it. */
let folder: string;
beforeAll(async () => void (folder = await mkdtemp(path.join(process.cwd(), 'build', '.test-'))));
afterAll(() => rm(folder, { recursive: true }));

async function notebookOf(name: string, cells: string[]): Promise<string> {
  const file = path.join(folder, `${name}.ipynb`);
  const code = cells.map((source) => ({ cell_type: 'code', metadata: {}, execution_count: null, outputs: [], source }));
  await writeFile(file, JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells: code }));
  return file;
}

interface SavedOutput {
  output_type: string;
  name?: string;
  text?: string[];
  data?: Record<string, unknown>;
}
const outputsOf = async (file: string): Promise<SavedOutput[][]> =>
  JSON.parse(await readFile(file, 'utf8')).cells.map((cell: { outputs: SavedOutput[] }) => cell.outputs);

describe('a notebook run headless', () => {
  it('imports from dist, keeps 2,000 prints of one tick, shows a figure, and is saved the same twice', async () => {
    const file = await notebookOf('good', [
      `import { existsSync } from 'node:fs';\nimport { helper } from './helper.js';\nimport { showFigure } from '../../dist/notebook/show-figure.js';`,
      `console.log(helper(20), existsSync('helper.js'));`,
      `for (let i = 0; i < 2000; i++) console.log('line ' + i);`,
      `await showFigure({ data: [{ type: 'bar', y: [1, 2] }], layout: { width: 300, height: 200 } });`,
      ``,
      `console.error('only a warning'); ({ answer: 42 })`,
    ]);
    await writeFile(path.join(folder, 'helper.js'), 'export const helper = (x) => 2 * x + 2;\n');
    await writeFile(path.join(folder, 'helper.d.ts'), 'export declare const helper: (x: number) => number;\n');
    const told: NotebookProgress[] = [];
    const [run] = await runNotebooks([file], { onProgress: (progress) => told.push(progress) });
    expect(run).toMatchObject({ notebook: file, cells: 6, bytes: (await readFile(file)).length });
    expect(told.map(({ cell }) => cell)).toEqual([0, 1, 2, 3, 4, 5, 6]);

    const outputs = await outputsOf(file);
    expect(outputs[0]).toEqual([]);
    expect(outputs[1][0].text).toEqual(['42 true\n']);
    expect(outputs[2]).toHaveLength(1);
    expect(outputs[2][0].text).toEqual(Array.from({ length: 2000 }, (_, i) => `line ${i}\n`));
    expect(Object.keys(outputs[3][0].data!).sort()).toEqual(['application/vnd.plotly.v1+json', 'image/png', 'text/plain']);
    expect(Buffer.from(outputs[3][0].data!['image/png'] as string, 'base64').subarray(1, 4).toString()).toBe('PNG');
    expect(outputs[5].map(({ name, text }) => [name, text])).toEqual([['stderr', ['only a warning\n']], ['stdout', ['{ answer: 42 }\n']]]);

    const first = await readFile(file, 'utf8');
    await runNotebooks([file]);
    expect(await readFile(file, 'utf8')).toBe(first);
  });

  it.each([
    ['an error', ['1 + 1', `throw new RangeError('too far')`, 'never'], 2, /RangeError: too far/],
    ['an error after an await', [`await Promise.resolve(); throw new Error('later')`], 1, /Error: later/],
    ['a type error', [`const n: number = 'text';`], 1, /not assignable to type 'number'/],
    ['a rejection that nobody awaits', [`Promise.reject(new Error('lost'));`, '1'], 1, /unhandled: Error: lost/],
    ['an error in a callback', [`setTimeout(() => { throw new Error('in a timer'); }, 0); await new Promise((r) => setTimeout(r, 50));`], 1, /unhandled: Error: in a timer/],
    ['a kernel that dies', [`process.exit(3)`], 1, /the kernel ended \(exit status 3\)/],
  ])('fails with %s, naming notebook and cell, and leaves the file alone', async (_, cells, cell, message) => {
    const file = await notebookOf('bad', cells);
    const before = await readFile(file, 'utf8');
    const failure = await runNotebooks([file]).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(NotebookError);
    expect(failure).toMatchObject({ code: 'NOTEBOOK_FAILED', exitStatus: 1, notebook: file, cell });
    expect((failure as Error).message).toMatch(message);
    expect((failure as Error).message).toContain(`bad.ipynb, cell ${cell}`);
    expect(await readFile(file, 'utf8')).toBe(before);
  });

  it('stops a cell that loops for ever, also one that does not hear SIGINT, and its process is gone', async () => {
    const pidFile = path.join(folder, 'pid');
    const file = await notebookOf('endless', [`import { writeFileSync } from 'node:fs';\nwriteFileSync('pid', String(process.pid));`, `await Promise.resolve(); for (;;) {}`]);
    await expect(runNotebooks([file], { timeout: 20 })).rejects.toThrowError(/endless\.ipynb, cell 2: took longer than 20 s/);
    const pid = Number(await readFile(pidFile, 'utf8'));
    expect(() => process.kill(pid, 0)).toThrowError(/ESRCH/);
  });

  it('stops when the user does', async () => {
    const file = await notebookOf('stopped', ['1', 'await new Promise(() => setInterval(() => {}, 1000))']);
    const stop = new AbortController();
    const run = runNotebooks([file], { signal: stop.signal, onProgress: ({ cell }) => cell === 1 && stop.abort() });
    await expect(run).rejects.toThrowError(/stopped\.ipynb, cell 2: interrupted/);
  });

  it('runs each file as it stands when its turn comes, and overwrites nothing that changed while it ran', async () => {
    const edits = `const { readFileSync, writeFileSync } = await import('node:fs');`;
    const edit = (name: string) => `${edits} writeFileSync('${name}.ipynb', readFileSync('${name}.ipynb', 'utf8').replace('before', 'after'));`;
    const second = await notebookOf('second', [`console.log('before')`]);
    const first = await notebookOf('first', [edit('second')]);
    await runNotebooks([first, second]);
    expect((await outputsOf(second))[0][0].text).toEqual(['after\n']);

    const own = await notebookOf('own', [`console.log('before')`, edit('own')]);
    const edited = (await readFile(own, 'utf8')).replace('before', 'after');
    await expect(runNotebooks([own])).rejects.toMatchObject({ code: 'NOTEBOOK_FAILED', message: expect.stringMatching(/own\.ipynb: changed while it ran/) });
    expect(await readFile(own, 'utf8')).toBe(edited);
  });

  it('checks every file before it runs any', async () => {
    const good = await notebookOf('unrun', [`require('node:fs').writeFileSync('ran', '')`]);
    await expect(runNotebooks([good, path.join(folder, 'missing.ipynb')])).rejects.toThrowError(/missing\.ipynb/);
    expect(existsSync(path.join(folder, 'ran'))).toBe(false);
  });
});

describe('the kernel spec', () => {
  it('starts this project’s tslab with its cure, and spares another program’s kernel', async () => {
    const prefix = path.join(folder, 'prefix');
    const file = await installKernel({ prefix });
    expect(file).toBe(path.join(prefix, 'share', 'jupyter', 'kernels', 'tslab', 'kernel.json'));
    const { argv, language } = JSON.parse(await readFile(file, 'utf8'));
    expect([argv[0], argv[argv.length - 1], language]).toEqual([process.execPath, '{connection_file}', 'typescript']);
    expect(existsSync(new URL(argv[argv.indexOf('--import') + 1]))).toBe(true);
    await installKernel({ prefix });
    await writeFile(file, '{"argv": ["tslab"]}');
    await expect(installKernel({ prefix })).rejects.toThrowError(/another program/);
    await installKernel({ prefix, force: true });
  });
});
