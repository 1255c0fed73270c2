import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatNotebook, notebookLimit, readNotebook, shrinkOutputs, writeNotebook, type Notebook, type Output } from './file.js';
import { packageRoot } from '../package.js';
import { decodeMessage, encodeRequest } from './messages.js';
import { CellOutputs } from './outputs.js';

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(path.join(os.tmpdir(), 'notebook-'))));
afterAll(() => rm(folder, { recursive: true }));

const notebook = (outputs: Output[]): Notebook => ({
  nbformat: 4, nbformat_minor: 5, metadata: { z: 1, a: 2 },
  cells: [
    { cell_type: 'markdown', source: '# title\ntext', metadata: {}, id: 'm' },
    { cell_type: 'code', source: 'a\nb', metadata: { execution: { 'iopub.execute_input': 'a time' } }, execution_count: 1, outputs },
  ],
});
const figureOutput = (pictureSize: number, specSize: number): Output => ({
  output_type: 'display_data', metadata: {},
  data: { 'image/png': 'p'.repeat(pictureSize), 'application/vnd.plotly.v1+json': { data: ['s'.repeat(specSize)] }, 'text/plain': 'figure' },
});

describe('notebook files', () => {
  it('are written as Jupyter does, the same after reading again, without times', async () => {
    const first = formatNotebook(notebook([{ output_type: 'stream', name: 'stdout', text: 'x\ny\n' }]));
    const file = path.join(folder, 'a.ipynb');
    await writeFile(file, first);
    expect(formatNotebook(await readNotebook(file))).toBe(first);
    expect(first).not.toContain('a time');
    expect(first.indexOf('"cells"')).toBeLessThan(first.indexOf('"metadata"'));
    expect(JSON.parse(first).cells[1]).toEqual({
      cell_type: 'code', execution_count: 1, metadata: {}, source: ['a\n', 'b'],
      outputs: [{ name: 'stdout', output_type: 'stream', text: ['x\n', 'y\n'] }],
    });
  });

  it('lose live figures, the largest first, until they fit; pictures stay', () => {
    const large = notebook([figureOutput(1000, 50_000), figureOutput(1000, 90_000)]);
    shrinkOutputs(large, 100_000);
    const kept = (large.cells[1].outputs as { data: Record<string, unknown> }[]).map(({ data }) => Object.keys(data));
    expect(kept).toEqual([['image/png', 'application/vnd.plotly.v1+json', 'text/plain'], ['image/png', 'text/plain']]);
  });

  it('keep the two ends of a long text and say what is gone', () => {
    const long = notebook([{ output_type: 'stream', name: 'stdout', text: `begin${'x'.repeat(100_000)}end` }]);
    shrinkOutputs(long);
    const { text } = long.cells[1].outputs![0] as { text: string };
    expect(text).toMatch(/^beginx+\n… 80008 characters left out …\nx+end$/);
  });

  it('refuse pictures above the limit and leave nothing behind', async () => {
    const file = path.join(folder, 'large.ipynb');
    await expect(writeNotebook(file, notebook([figureOutput(notebookLimit, 10)]))).rejects.toThrowError(/large\.ipynb: \d+ bytes/);
    expect((await readdir(folder)).filter((name) => name.startsWith('large'))).toEqual([]);
  });

  it.each([
    ['{', /broken\.ipynb: .*JSON/],
    ['{"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "cells": []}', /broken\.ipynb: nbformat/],
    ['{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code", "metadata": {}, "source": 1}]}', /cells\.0\.source/],
  ])('name file and field of %s', async (content, message) => {
    const file = path.join(folder, 'broken.ipynb');
    await writeFile(file, content);
    await expect(readNotebook(file)).rejects.toThrowError(message);
    expect(await readFile(file, 'utf8')).toBe(content);
  });

  it('name a file that is not there', () => expect(readNotebook(path.join(folder, 'none.ipynb'))).rejects.toThrowError(/none\.ipynb: ENOENT/));
});

describe('messages', () => {
  const { id, frames } = encodeRequest('key', 'session', 'execute_request', { code: '1' });
  const reply = (header: object): Buffer[] => {
    const parts = [JSON.stringify({ msg_type: 'status' }), JSON.stringify(header), '{}', '{"execution_state":"idle"}'];
    const { frames: signed } = encodeRequest('key', 's', 't', {});
    return [Buffer.from('identity'), Buffer.from(signed[0]), Buffer.from('wrong signature'), ...parts.map((part) => Buffer.from(part))];
  };

  it('can be read by who knows the key, and by nobody else', () => {
    const received = [Buffer.from('identity'), ...frames.map((frame) => Buffer.from(frame))];
    expect(decodeMessage('key', received)).toEqual({ parent: '', type: 'execute_request', content: { code: '1' } });
    expect(decodeMessage('other', received)).toBeNull();
    expect(decodeMessage('key', reply({ msg_id: id }))).toBeNull();
    expect(decodeMessage('key', received.slice(0, 4))).toBeNull();
  });

  it('find the failures that the kernel calls ok', () => {
    const outputs = new CellOutputs();
    outputs.add({ parent: '', type: 'stream', content: { name: 'stderr', text: 'a warning\n' } });
    expect(outputs.failure('ok')).toBeNull();
    outputs.add({ parent: '', type: 'stream', content: { name: 'stderr', text: 'UnhandledPromiseRejection: Error: lost\n' } });
    expect(outputs.failure('ok')).toBe('unhandled: Error: lost');
    expect(outputs.list).toHaveLength(1);
    expect(new CellOutputs().failure('abort')).toMatch(/abort/);
  });
});

describe('the notebooks here', async () => {
  const own = path.join(packageRoot, 'notebooks');
  const names = (await readdir(own)).filter((name) => name.endsWith('.ipynb'));
  it.each(names)('%s names no place of the machine that ran it', async (name) => {
    const outputs = (await readNotebook(path.join(own, name))).cells.flatMap(({ outputs = [] }) => outputs);
    const texts = outputs.map((output) => (output.output_type === 'stream' ? output.text : 'data' in output ? `${output.data['text/plain']}` : ''));
    expect(texts.join('\n').match(/(?<=^|[\s"'(=])\/(?:[\w.-]+\/)+[\w.-]*/gm) ?? []).toEqual([]);
  });
});
