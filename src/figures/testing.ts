/** What the tests of figures share: invented words, and what they ask of every drawing. */
import { JSDOM } from 'jsdom';
import { describe, expect, it } from 'vitest';
import { pageBox, type SvgNode } from './dom/boxes.js';
import { plotlyComplaints } from './dom/plotly.js';
import { renderPng, renderSvg } from './export.js';
import type { Figure } from './figure.js';

/** Invented numbers throughout: these figures are looked at, never published. */
export const text = {
  title: 'A finding in a whole sentence that is long enough to need a second line, as the findings of this kind of study often are',
  subtitle: 'What is shown: task, model, sample sizes; means and 95 % intervals',
  note: 'Invented numbers for a test. Open marks: the paper’s own report on other models. The note says how it was measured and what to beware of, and runs over more than one line.',
};
export const around = (mean: number, half: number) => ({ mean, low: mean - half, high: mean + half });
/** For a snapshot: three decimals. */
const shortNumbers = (figure: Figure): unknown =>
  JSON.parse(JSON.stringify(figure, (_, value) => (typeof value === 'number' ? Number(value.toFixed(3)) : value)));

interface Placed {
  words: string;
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** Every text of the drawing with its place on the page. */
function placedTexts(svg: string): Placed[] {
  const { document } = new JSDOM(svg, { contentType: 'image/svg+xml' }).window;
  return Array.from(document.querySelectorAll('text')).map((node) => {
    const { x, y, width, height } = pageBox(node as unknown as SvgNode);
    return { words: node.textContent ?? '', left: x, top: y, right: x + width, bottom: y + height };
  });
}

/** Texts of the drawing that leave the page, and pairs of them that lie on each other. */
async function misplacedTexts(figure: Figure): Promise<{ texts: number; outside: string[]; clashes: string[] }> {
  const { width, height } = figure.layout as { width: number; height: number };
  const texts = placedTexts(await renderSvg(figure)).filter(({ words }) => words.trim() !== '');
  const outside = texts.filter((t) => t.left < -1 || t.top < -1 || t.right > width + 1 || t.bottom > height + 1).map(({ words }) => words);
  const slack = 2.5; // line boxes are taller than the letters in them
  const clash = (a: Placed, b: Placed): boolean =>
    a.left < b.right - slack && b.left < a.right - slack && a.top < b.bottom - slack && b.top < a.bottom - slack;
  const clashes = texts.flatMap((a, i) => texts.slice(i + 1).filter((b) => clash(a, b)).map((b) => `${a.words} × ${b.words}`));
  return { texts: texts.length, outside, clashes };
}

/** Writes `<FIGURE_PREVIEW>/<name>.png`, for a look. */
async function writePreview(name: string, figure: Figure): Promise<void> {
  const { mkdir, writeFile } = await import('node:fs/promises');
  await mkdir(process.env.FIGURE_PREVIEW!, { recursive: true });
  await writeFile(`${process.env.FIGURE_PREVIEW}/${name}.png`, await renderPng(figure));
}

/** The tests of figures that are built from invented numbers, by name: specification, plotly's own check, texts in their places. */
export function describeFigures(examples: Record<string, () => Figure>): void {
  describe.each(Object.entries(examples))('%s', (name, build) => {
    const figure = build();

    it('gives the same specification', () => expect(shortNumbers(figure)).toMatchSnapshot());

    it('is a figure that plotly knows', async () => expect(await plotlyComplaints(figure)).toEqual([]));

    it('keeps every text on the page and apart from the others', async () => {
      const { texts, outside, clashes } = await misplacedTexts(figure);
      expect(texts).toBeGreaterThan(8);
      expect({ outside, clashes }).toEqual({ outside: [], clashes: [] });
    });

    if (process.env.FIGURE_PREVIEW) it('is written for a look', () => writePreview(name, figure));
  });
}
