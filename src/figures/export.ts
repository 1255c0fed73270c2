/** A figure as SVG, PNG, HTML and JSON, without a browser. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { Resvg } from '@resvg/resvg-js';
import { PathPressError } from '../engine/errors.js';
import { writeWhole } from '../whole-file.js';
import { fontOptions } from './dom/fonts.js';
import { plotlySvg } from './dom/plotly.js';
import { checkFigure, type Figure } from './figure.js';
import { figureHtml } from './html.js';

/** No file of a figure may be larger, in bytes. */
export const figureFileLimit = 1024 * 1024;

/**
 * SVG text, the same in every run.
 * @throws PathPressError `BAD_OPTION` for traces that need a browser or a layout without size.
 */
export async function renderSvg(figure: Figure): Promise<string> {
  checkFigure(figure);
  const svg = await plotlySvg(figure);
  return svg.replace(/url\((?:'|&quot;)(#[^)]*?)(?:'|&quot;)\)/g, 'url($1)'); // resvg paints quoted references black
}

/** PNG at `scale` image pixels per CSS pixel (2), the same bytes in every run. */
export async function renderPng(figure: Figure, scale = 2): Promise<Buffer> {
  return svgToPng(await renderSvg(figure), scale);
}

function svgToPng(svg: string, scale: number): Buffer {
  const crisp = svg.replace(/(?:image-rendering:[^;"]*;?\s*)+/g, 'image-rendering: optimizeSpeed; '); // resvg knows no other word for it
  return new Resvg(crisp, { font: fontOptions, fitTo: { mode: 'zoom', value: scale } }).render().asPng();
}

/** Plotly's script as seen from `dir`: the nearest node_modules above it, else the one of the working folder. */
function scriptPath(dir: string): string {
  const file = path.join('node_modules', 'plotly.js-dist', 'plotly.js');
  for (let at = path.resolve(dir); ; at = path.dirname(at)) {
    if (existsSync(path.join(at, file))) return path.relative(dir, path.join(at, file)).split(path.sep).join('/');
    if (at === path.dirname(at)) return path.relative(dir, file).split(path.sep).join('/');
  }
}

/**
 * Writes `<dir>/<name>.json` (the plotly spec), `.html` (interactive), `.svg` and `.png`; returns their paths.
 * @throws PathPressError `BAD_OPTION` for a figure that cannot be drawn, `WRITE_FAILED` for a file above
 * `figureFileLimit` (in both cases nothing is written) or one that the file system refuses.
 */
export async function saveFigure(name: string, figure: Figure, dir = 'figures'): Promise<string[]> {
  const svg = await renderSvg(figure);
  const contents: Record<string, string | Buffer> = {
    json: `${JSON.stringify(figure, null, 1)}\n`,
    html: figureHtml(name, figure, svg, scriptPath(dir)),
    svg,
    png: svgToPng(svg, 2),
  };
  const files = Object.keys(contents).map((ending) => path.join(dir, `${name}.${ending}`));
  const sizes = Object.values(contents).map((content) => Buffer.byteLength(content));
  const large = sizes.findIndex((size) => size > figureFileLimit);
  if (large >= 0) {
    throw new PathPressError('WRITE_FAILED', `${files[large]}: ${sizes[large]} bytes, above the limit of ${figureFileLimit}; draw fewer points`);
  }
  for (const [index, content] of Object.values(contents).entries()) writeWhole(files[index], content);
  return files;
}
