import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { runInNewContext } from 'node:vm';
import { Resvg } from '@resvg/resvg-js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { PathPressError } from '../engine/errors.js';
import { figureFileLimit, renderPng, renderSvg, saveFigure } from './export.js';
import type { Figure } from './figure.js';
import { packPng } from './png.js';

vi.setConfig({ testTimeout: 180_000 });

const layout = { width: 640, height: 360, font: { family: 'DejaVu Sans Condensed' } };
const everything: Figure = {
  data: [
    { type: 'scatter', x: [100, 1000, 10000], y: [1, 2, 3], error_y: { type: 'data', array: [0.2, 0.3, 0.4] }, name: 'first series' },
    { type: 'scatter', x: [100, 1000, 10000], y: [2, 1, 2.5], name: 'second series' },
    { type: 'heatmap', z: [[0, 1], [2, 3]], xaxis: 'x2', yaxis: 'y2', colorscale: [[0, '#0000FF'], [1, '#FF0000']], colorbar: { title: { text: 'bits' } } },
  ],
  layout: {
    ...layout,
    title: { text: 'one line<br>and another' },
    xaxis: { type: 'log', domain: [0, 0.4], title: { text: 'tokens' } },
    yaxis: {},
    xaxis2: { domain: [0.6, 1], anchor: 'y2' },
    yaxis2: { anchor: 'x2' },
    annotations: [{ text: 'look here', x: 3, y: 2, ax: 20, ay: -30, showarrow: true }],
  },
};

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(path.join(os.tmpdir(), 'figure-'))));
afterAll(() => rm(folder, { recursive: true }));

const countOf = (text: string, pattern: RegExp): number => (text.match(pattern) ?? []).length;

describe('drawing without a browser', () => {
  it('has ticks, titles, lines, error bars, legend, annotation, heat map and colour bar', async () => {
    const svg = await renderSvg(everything);
    for (const words of ['first series', 'second series', 'one line', 'and another', 'tokens', 'look here', 'bits', '10k']) {
      expect(svg).toContain(`>${words}<`);
    }
    expect(countOf(svg, /class="xtick"/g)).toBeGreaterThanOrEqual(3);
    expect(countOf(svg, /class="errorbar"/g)).toBe(3);
    expect(countOf(svg, /data:image\/png;base64,[^"]{40,}/g)).toBe(1);
    expect(countOf(svg, /url\('/g)).toBe(0);
    expect(countOf(svg, /class="cbfills"|class="cbfill"/g)).toBeGreaterThanOrEqual(1);
  });

  it('gives the same bytes twice, picture and vector', async () => {
    expect((await renderPng(everything, 1)).equals(await renderPng(everything, 1))).toBe(true);
    expect(await renderSvg(everything)).toBe(await renderSvg(everything));
  });

  it('paints what it was given: a red cell and a blue one, a colour bar that is not black', async () => {
    const picture = (await renderPng(everything, 1)).toString('base64');
    const page = `<svg xmlns="http://www.w3.org/2000/svg" width="640" height="360"><image width="640" height="360" href="data:image/png;base64,${picture}"/></svg>`;
    const data = new Resvg(page).render().pixels; // RGBA, row-major
    const counts = { red: 0, blue: 0, purple: 0, black: 0 };
    for (let at = 0; at < data.length; at += 4) {
      const [r, g, b] = [data[at], data[at + 1], data[at + 2]];
      if (r === 255 && g === 0 && b === 0) counts.red++;
      if (r === 0 && g === 0 && b === 255) counts.blue++;
      if (g === 0 && Math.abs(r - 127) < 40 && Math.abs(b - 127) < 40) counts.purple++;
      if (r + g + b < 20) counts.black++;
    }
    expect(counts.red).toBeGreaterThan(2000);
    expect(counts.blue).toBeGreaterThan(2000);
    expect(counts.purple).toBeGreaterThan(200);
    expect(counts.black).toBeLessThan(100);
  });

  it('leaves the caller’s figure alone', async () => {
    const before = JSON.stringify(everything);
    await renderSvg(everything);
    expect(JSON.stringify(everything)).toBe(before);
  });

  it.each(['scattergl', 'surface', 'scatter3d', 'scattergeo', 'choropleth', 'scattermap', 'splom', 'parcoords', 'no-such'])('refuses %s', async (type) => {
    const refused = renderPng({ data: [{ type }], layout });
    await expect(refused).rejects.toThrowError(PathPressError);
    await expect(refused).rejects.toThrowError(new RegExp(`trace 0 has type "${type}"`));
  });

  it('refuses 3D scenes and a layout without size', async () => {
    await expect(renderSvg({ data: [], layout: { ...layout, scene2: {} } })).rejects.toThrowError(/layout\.scene2/);
    await expect(renderSvg({ data: [], layout: { width: 10 } })).rejects.toThrowError(/layout\.height must be a positive number of pixels, got undefined/);
  });
});

describe('saving', () => {
  it('writes four files within the limit and nothing else; the page finds plotly and is not swollen by it', async () => {
    const dir = path.join(folder, 'figures');
    const files = await saveFigure('everything', everything, dir);
    expect(files.map((file) => path.basename(file))).toEqual(['everything.json', 'everything.html', 'everything.svg', 'everything.png']);
    expect((await readdir(dir)).sort()).toEqual(['everything.html', 'everything.json', 'everything.png', 'everything.svg']);
    for (const file of files) expect((await stat(file)).size).toBeLessThan(figureFileLimit);
    expect(JSON.parse(await readFile(files[0], 'utf8'))).toEqual(everything);
  });

  it('refers to plotly’s script relatively from the project’s own figures folder', async () => {
    await mkdir('figures', { recursive: true });
    const inside = await mkdtemp(path.join(process.cwd(), 'figures', '.test-'));
    try {
      const [, html] = await saveFigure('a', { data: [{ y: [1, 2], name: '</script><b>' }], layout }, inside);
      const page = await readFile(html, 'utf8');
      expect(page).toContain('src="../../node_modules/plotly.js-dist/plotly.js"');
      expect(countOf(page, /<\/script>/g)).toBe(2);
      const drawn: unknown[] = [];
      const [, script] = /<script>([^]*)<\/script>/.exec(page)!;
      const Plotly = { newPlot: (...given: unknown[]) => drawn.push(given) };
      runInNewContext(script, { window: { Plotly }, Plotly, document: { getElementById: () => ({}) } });
      expect(JSON.parse(JSON.stringify(drawn))).toMatchObject([['figure', [{ y: [1, 2], name: '</script><b>' }], layout, { responsive: false }]]);
    } finally {
      await rm(inside, { recursive: true });
    }
  });

  it('says so when a figure is too large, and leaves no half file', async () => {
    const dir = path.join(folder, 'large');
    const figure = { data: [{ y: [1, 2] }], layout: { ...layout, meta: 'x'.repeat(figureFileLimit) } };
    await expect(saveFigure('large', figure, dir)).rejects.toThrowError(/large\.json: \d+ bytes, above the limit/);
    await expect(readdir(dir)).rejects.toThrowError(/ENOENT/);
  });

  it('names the file that cannot be written', async () => {
    await writeFile(path.join(folder, 'occupied'), '');
    await expect(saveFigure('a', { data: [], layout }, path.join(folder, 'occupied'))).rejects.toThrowError(/occupied/);
  });
});

it('a packed picture has the same pixels in fewer bytes', async () => {
  const png = await renderPng(everything, 1);
  const packed = packPng(png);
  expect(packed.length).toBeLessThan(png.length);
  const pixels = (file: Buffer) => new Resvg(`<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="640" height="360"><image width="640" height="360" xlink:href="data:image/png;base64,${file.toString('base64')}"/></svg>`).render().pixels;
  expect(pixels(packed).equals(pixels(png))).toBe(true);
  expect(new Set(pixels(png)).size).toBeGreaterThan(8); // a picture, not a blank page
});
