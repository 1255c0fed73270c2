import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { entropyTable } from '../analysis/entropy-table.js';
import { pairedEntropy } from '../analysis/pairing.js';
import { sentenceSpans } from '../analysis/sentences.js';
import { quantile } from '../analysis/statistics.js';
import { loadTrace, type Trace } from './tokenize.js';

/** Traces of large models that are no part of the project; where they are absent these tests are skipped. */
const shared = fileURLToPath(new URL('../../../shared/', import.meta.url));
const traces = process.env.PATHPRESS_TRACES ?? join(shared, 'data/traces');
const tokenizer = join(shared, 'data/tokenizers/Qwen2.5');
const checked = join(shared, 'check/entropy-of-shared-traces.json');
const gold: Record<string, Record<string, number | [number, number]>> = existsSync(checked)
  ? JSON.parse(readFileSync(checked, 'utf8')).files
  : {};
const folders = ['reasoning', 'non-reasoning'].map((kind) => join(traces, kind)).filter((folder) => existsSync(folder));
const files = folders
  .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
  .filter((file) => basename(file) in gold);
const there = files.length > 0 && files.length === Object.keys(gold).length && existsSync(tokenizer);
const loaded = new Map<string, Promise<Trace>>();
const load = (start: string): Promise<Trace> => {
  const file = files.find((name) => basename(name).startsWith(start))!;
  if (!loaded.has(file)) loaded.set(file, loadTrace(file, { tokenizer }));
  return loaded.get(file)!;
};

describe.skipIf(!there)(
  `traces of large models${there ? '' : ' (skipped: they are neither in ../shared/data nor where PATHPRESS_TRACES says)'}`,
  { timeout: 600000 },
  () => {
    it('entropy of every file equals a computation apart from the project, to 2e-6', async () => {
      let [cells, worst] = [0, 0];
      for (const file of files) {
        const expected = gold[basename(file)];
        const { rows } = await load(basename(file));
        expect(rows).toHaveLength(expected.rows as number);
        expect(rows.reduce((sum, { ids }) => sum + ids.length, 0)).toBe(expected.tokens);
        const table = entropyTable(rows, { n: [1, 2, 3], resamples: 20 });
        const got = new Map(table.map((cell) => [`${cell.n}:${cell.length}`, cell]));
        const keys = Object.keys(expected).filter((key) => key.includes(':'));
        expect([...got.keys()].sort()).toEqual(keys.sort());
        for (const key of keys) {
          const [mean, outputs] = expected[key] as [number, number];
          expect(got.get(key)!.outputs, `${basename(file)} ${key}`).toBe(outputs);
          worst = Math.max(worst, Math.abs(got.get(key)!.mean - mean));
          cells++;
        }
      }
      expect(cells).toBeGreaterThan(150);
      expect(worst).toBeLessThan(2e-6);
    });

    it('the same prompts: thinking has more entropy, by the numbers known', async () => {
      // n = 3, L = 512. Means known before the project: +0.39 and +0.33 bits. Intervals and p by scipy of Python's own entropies.
      const qwen = pairedEntropy(
        (await load('qwen3-30b-a3b-think')).rows,
        (await load('qwen3-30b-a3b-nothink')).rows,
        3,
        512,
      )!;
      expect(qwen.mean).toBeCloseTo(0.39, 2);
      expect(qwen.pairs).toBe(15);
      expect(qwen.low).toBeCloseTo(0.114, 3);
      expect(qwen.high).toBeCloseTo(0.664, 3);
      expect(qwen.p).toBeCloseTo(0.0019, 3);
      const others = pairedEntropy((await load('qwq-32b')).rows, (await load('gpt-4.1')).rows, 3, 512)!;
      expect(others.mean).toBeCloseTo(0.33, 2);
      expect(others.pairs).toBe(13);
      expect(others.low).toBeCloseTo(0.097, 3);
      expect(others.high).toBeCloseTo(0.554, 3);
      expect(others.p).toBeCloseTo(0.0013, 3);
    });

    it('sentences of real outputs: none cut inside a formula or a code block, no letter lost, sane lengths', async () => {
      const formula =
        /\\\((?:(?!\\\(|\\\)|\n\s*\n)[^]){1,400}\\\)|\\\[(?:(?!\\\[|\\\])[^]){1,1000}\\\]|\$\$(?:(?!\n\s*\n)[^$]){1,1000}\$\$|(?<![$\\])\$[^\s$](?:[^$\n]{0,200}[^\s$\\])?\$(?![$\d])|^```[^]*?^```/gm;
      let [formulas, blocks] = [0, 0];
      for (const file of files) {
        const { rows } = await load(basename(file));
        const lengths: number[] = [];
        for (const { output } of rows.filter((row, i) => i < 40 || /\n *```/.test(row.output!))) {
          const spans = sentenceSpans(output!);
          lengths.push(...spans.map(({ start, end }) => end - start));
          const starts = Int32Array.from(spans, ({ start }) => start);
          // Code first: what looks like a formula in it is none.
          const fences = [...output!.matchAll(/^ *```[^]*?^ *```/gm)].map((m) => [m.index!, m.index! + m[0].length]);
          const paired = (output!.match(/\$\$/g) ?? []).length % 2 === 0; // else a $$ was forgotten, and the test's own pairing is off
          for (const match of output!.matchAll(formula)) {
            const [from, to] = [match.index!, match.index! + match[0].length];
            const inCode = fences.some(([a, b]) => from > a && to <= b);
            if (
              inCode ||
              (match[0].startsWith('$') && !paired) ||
              (match[0].startsWith('$') && /`|\\\(|\\\[/.test(output!.slice(Math.max(0, from - 200), to)))
            )
              continue;
            const cut = starts.find((start) => start > from && start < to);
            expect(
              cut,
              `${basename(file)}: ${match[0].slice(0, 80)} cut at ${cut === undefined ? '' : cut - from}`,
            ).toBeUndefined();
            if (match[0].startsWith('```')) blocks++;
            else formulas++;
          }
          const kept = spans.map(({ start, end }) => output!.slice(start, end)).join('');
          const letters = (text: string): number =>
            text.replace(/<\/?think>/g, '').replace(/[^\p{L}\p{N}]/gu, '').length;
          expect(letters(kept)).toBe(letters(output!));
        }
        expect(quantile(lengths, 0.5), basename(file)).toBeGreaterThan(25);
        expect(quantile(lengths, 0.5), basename(file)).toBeLessThan(200);
        expect(quantile(lengths, 0.99), basename(file)).toBeLessThan(900);
      }
      expect(formulas).toBeGreaterThan(1000);
      expect(blocks).toBeGreaterThan(3);
      console.log(`sentences: ${formulas} formulas and ${blocks} code blocks whole`);
    });
  },
);
