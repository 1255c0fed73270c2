/** The fonts that figures are drawn with, and the width of a text in them. */
import { createRequire } from 'node:module';
import path from 'node:path';
import { Resvg } from '@resvg/resvg-js';

const require = createRequire(import.meta.url);
const folder = path.join(path.dirname(require.resolve('dejavu-fonts-ttf/package.json')), 'ttf');

/** Viewers of the SVG or HTML without DejaVu fall back to a face of nearly the same widths. */
export const fontFamily = 'DejaVu Sans Condensed, Arial, Helvetica, sans-serif';
/** Share of the font size above and below the base line (from the font's own header). */
export const ascent = 0.928;
export const descent = 0.236;

/** resvg reads TrueType only, and drops text without a word where no font is found: so the files are named. */
export const fontOptions = {
  loadSystemFonts: false,
  fontFiles: ['', '-Bold', '-Oblique'].map((style) => path.join(folder, `DejaVuSansCondensed${style}.ttf`)),
  defaultFontFamily: 'DejaVu Sans Condensed',
};

const measured = new Map<string, number>();
const unit = 100;

function inkWidth(text: string, bold: boolean): number {
  const escaped = text.replace(/&/g, '&amp;').replace(/</g, '&lt;');
  const weight = bold ? 'bold' : 'normal';
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text y="9" xml:space="preserve" ` +
    `font-size="${unit}" font-weight="${weight}" font-family="${fontFamily}">${escaped}</text></svg>`;
  return new Resvg(svg, { font: fontOptions }).getBBox()?.width ?? 0;
}

/** Advance width at font size 1, kerning and spaces included: the ink between two bars, less that of the bars alone. */
export function textWidth(text: string, bold = false): number {
  if (text === '') return 0;
  const key = `${bold ? 'b' : 'n'}${text}`;
  let width = measured.get(key);
  if (width === undefined) {
    width = (inkWidth(`|${text}|`, bold) - inkWidth('||', bold)) / unit;
    measured.set(key, width);
  }
  return width;
}
