import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PathPressError } from './engine/errors.js';
import { fillWhole, writeWhole } from './whole-file.js';

/** What was flushed and moved, in order: the place of a file, or the move's end. */
const { done, failing } = vi.hoisted(() => ({ done: [] as string[], failing: { code: '' } }));
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const fsyncSync = (file: number): void => {
    const isFolder = fs.fstatSync(file).isDirectory();
    done.push(isFolder ? 'folder flushed' : 'file flushed');
    if (isFolder && failing.code) throw Object.assign(new Error(failing.code), { code: failing.code });
    fs.fsyncSync(file);
  };
  const renameSync = (from: string, to: string): void => {
    fs.renameSync(from, to);
    done.push('moved');
  };
  return { ...fs, fsyncSync, renameSync };
});

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'pathpress-whole-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));
const at = (...names: string[]) => join(folder, ...names);

// Each way to write the file `path` with the content that `pieces` gives, and fails where it throws.
const ways: [string, (path: string, pieces: () => Iterable<string>) => Promise<void> | void][] = [
  ['writeWhole', (path, pieces) => writeWhole(path, pieces())],
  [
    'fillWhole',
    (path, pieces) =>
      fillWhole(path, async (partial) => {
        for (const piece of pieces()) writeFileSync(partial, piece, { flag: 'a' });
      }),
  ],
];

describe.each(ways)('%s', (_, write) => {
  const writing = async (path: string, pieces: () => Iterable<string>) => write(path, pieces);

  it('makes the folder, and replaces what stood there', async () => {
    await writing(at('a', 'b.txt'), () => ['one ', 'two']);
    await writing(at('a', 'b.txt'), () => ['three']);
    expect(readFileSync(at('a', 'b.txt'), 'utf8')).toBe('three');
    expect(readdirSync(at('a'))).toEqual(['b.txt']);
  });

  it('puts no file in the place of what is none', async () => {
    mkdirSync(at('folder'));
    symlinkSync('/dev/null', at('device'));
    for (const name of ['folder', ...(process.platform === 'win32' ? [] : ['device'])])
      await expect(async () => writing(at(name), () => ['x'])).rejects.toMatchObject({ code: 'WRITE_FAILED', message: `${at(name)}: not a regular file` });
    expect(readdirSync(folder).sort()).toEqual(['device', 'folder']);
  });

  it('has the file on the disk before it moves it, and the move after that', async () => {
    const isWindows = process.platform === 'win32';
    for (const [code, fails] of [['', false], ['EINVAL', false], ['EPERM', false], ['EIO', !isWindows]] as const) {
      failing.code = code;
      done.length = 0;
      const end = await writing(at('b.txt'), () => ['x']).catch((error: unknown) => error);
      expect(end === undefined, code).toBe(!fails);
      expect(done).toEqual(['file flushed', 'moved', ...(isWindows ? [] : ['folder flushed'])]);
    }
    failing.code = '';
  });

  it('shows nothing of it before the end', async () => {
    writeFileSync(at('b.txt'), 'old');
    await writing(at('b.txt'), function* () {
      yield 'half';
      expect(readFileSync(at('b.txt'), 'utf8')).toBe('old');
      yield ' and half';
    });
    expect(readFileSync(at('b.txt'), 'utf8')).toBe('half and half');
  });

  it.each([
    ['an error', new Error('no more'), 'WRITE_FAILED', /b\.txt: no more/],
    ['a typed error', new PathPressError('BAD_WEIGHTS', 'no more'), 'BAD_WEIGHTS', /^no more/],
  ])('leaves the old file and nothing else after %s', async (_, error, code, message) => {
    writeFileSync(at('b.txt'), 'old');
    const fails = writing(at('b.txt'), function* () {
      yield 'half';
      throw error;
    });
    await expect(fails).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(readdirSync(folder)).toEqual(['b.txt']);
    expect(readFileSync(at('b.txt'), 'utf8')).toBe('old');
  });

  it('names the file that cannot be put in its place', async () => {
    mkdirSync(at('b.txt', 'full'), { recursive: true }); // a folder that no file replaces
    await expect(writing(at('b.txt'), () => ['x'])).rejects.toMatchObject({
      code: 'WRITE_FAILED',
      message: expect.stringContaining('b.txt: '),
    });
    expect(readdirSync(folder)).toEqual(['b.txt']);
    writeFileSync(at('file'), '');
    await expect(writing(at('file', 'b.txt'), () => ['x'])).rejects.toMatchObject({ code: 'WRITE_FAILED' });
  });
});

it('writes bytes as they are', () => {
  writeWhole(at('bytes'), Buffer.from([0, 255, 10]));
  expect(readFileSync(at('bytes'))).toEqual(Buffer.from([0, 255, 10]));
});
