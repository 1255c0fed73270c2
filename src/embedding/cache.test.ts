import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withCache } from './cache.js';
import type { Embedder } from './embedder.js';

/** A vector that tells its sentence, and a log of what was really embedded. */
function counting(): { embedder: Embedder; asked: string[] } {
  const asked: string[] = [];
  const embed = async (sentences: readonly string[]): Promise<Float32Array> => {
    asked.push(...sentences);
    return Float32Array.from(sentences.flatMap((s) => [s.length, s.charCodeAt(0), 0.5]));
  };
  return { asked, embedder: { name: 'lexical', id: 'counting-1', dim: 3, embed, dispose: async () => {} } };
}

describe('embedding cache', { timeout: 60000 }, () => {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'pathpress-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const files = (): string[] =>
    readdirSync(join(folder, 'counting-1'))
      .map((name) => join(folder, 'counting-1', name))
      .sort();

  it('embeds each distinct sentence once, now and in later processes', async () => {
    const first = counting();
    const cached = withCache(first.embedder, folder);
    expect([...(await cached.embed(['bb', 'a', 'bb']))]).toEqual([2, 98, 0.5, 1, 97, 0.5, 2, 98, 0.5]);
    expect([...(await cached.embed(['a', 'ccc']))]).toEqual([1, 97, 0.5, 3, 99, 0.5]);
    expect(first.asked.sort()).toEqual(['a', 'bb', 'ccc']);
    await cached.dispose();

    const second = counting();
    const again = withCache(second.embedder, folder);
    expect([...(await again.embed(['ccc', 'dddd', 'a']))]).toEqual([3, 99, 0.5, 4, 100, 0.5, 1, 97, 0.5]);
    expect(second.asked).toEqual(['dddd']);
    await again.dispose();
    expect(files()).toHaveLength(2);
  });

  it('keeps vectors of other weights apart', async () => {
    const { embedder } = counting();
    await withCache(embedder, folder).embed(['a']);
    const other = counting();
    await withCache({ ...other.embedder, id: 'counting-2' }, folder).embed(['a']);
    expect(other.asked).toEqual(['a']);
  });

  it('a crash at any byte of a write costs the records it cut, no more', async () => {
    const cached = withCache(counting().embedder, folder);
    await cached.embed(['a', 'bb', 'ccc']);
    await cached.dispose();
    const [file] = files();
    const whole = readFileSync(file);
    for (let size = 0; size < whole.length; size++) {
      writeFileSync(file, whole.subarray(0, size));
      const { embedder, asked } = counting();
      const reopened = withCache(embedder, folder);
      expect([...(await reopened.embed(['a', 'bb', 'ccc']))]).toEqual([1, 97, 0.5, 2, 98, 0.5, 3, 99, 0.5]);
      expect(asked).toHaveLength(3 - Math.floor(size / (whole.length / 3)));
      await reopened.dispose();
      for (const made of files()) if (made !== file) rmSync(made);
    }
  });

  it('a damaged record is embedded anew, never believed', async () => {
    const cached = withCache(counting().embedder, folder);
    await cached.embed(['a']);
    await cached.dispose();
    const [file] = files();
    const bytes = readFileSync(file);
    bytes[20] ^= 1; // within the vector
    writeFileSync(file, bytes);
    const { embedder, asked } = counting();
    expect([...(await withCache(embedder, folder).embed(['a']))]).toEqual([1, 97, 0.5]);
    expect(asked).toEqual(['a']);
  });

  it('a file that does not open, or cannot be read, costs its records alone', async () => {
    const cached = withCache(counting().embedder, folder);
    await cached.embed(['a']);
    await cached.dispose();
    symlinkSync(join(folder, 'removed'), join(folder, 'counting-1', '0.bin')); // listed, and not there when it is opened
    mkdirSync(join(folder, 'counting-1', '1.bin'));
    for (let i = 0; i < 100; i++) writeFileSync(join(folder, 'counting-1', '1.bin', `entry-${i}`), ''); // a size as of records
    const { embedder, asked } = counting();
    const again = withCache(embedder, folder);
    expect([...(await again.embed(['a', 'bb']))]).toEqual([1, 97, 0.5, 2, 98, 0.5]);
    expect(asked).toEqual(['bb']);
    await again.dispose();
  });

  it('a folder that cannot be written costs time alone', async () => {
    const blocked = join(folder, 'blocked');
    appendFileSync(blocked, 'a file where the folder should be');
    const { embedder, asked } = counting();
    const cached = withCache(embedder, blocked);
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    expect([...(await cached.embed(['a']))]).toEqual([1, 97, 0.5]);
    expect((await warned).message).toContain('not cached');
    await cached.embed(['a']);
    expect(asked).toEqual(['a', 'a']);
    expect(statSync(blocked).isFile()).toBe(true);
  });
});
