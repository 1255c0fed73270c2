/** A text, token by token, coloured by the share of layers that hold each after a compression: one policy and compression at a time. */
import { retentionBins } from '../analysis/retention.js';
import { PathPressError } from '../engine/errors.js';
import type { Figure } from './figure.js';
import { frame } from './frame.js';
import type { FigureText } from './parts.js';
import { colours, ink, type Trace } from './theme.js';

/** What one policy left of the text. */
export interface MapView {
  policy: string;
  /** At each compression, in the same order for all: tokens that had entries, (length) shares of 0 to 1. */
  shares: ArrayLike<number>[];
}

/** The text that is shown, after the prompt. */
export interface MapText {
  words: string[];
  /** (words) what a token is, for whoever points at it. */
  kinds: string[];
  /** What each compression is called. */
  compressions: string[];
  /** Latest tokens of each compression that it could not evict: they are framed. */
  window: number;
}

const shades = ['#EFEFEF', '#A9CFE8', '#4C93C6', '#12466F']; // a bin each, least first
const columns = 28;
const cell = { height: 17, font: 8.5 };
const width = 980;

/**
 * Buttons choose the policy, a slider the compression; a picture shows the first policy after the last compression.
 * @throws PathPressError `BAD_OPTION` where shares do not fit the text, or lie outside 0 to 1
 */
export function retentionMapFigure(text: MapText, views: MapView[], words: FigureText): Figure {
  const last = text.compressions.length - 1;
  for (const { policy, shares } of views) {
    const bad = shares.findIndex((one) => one.length > text.words.length || Array.from(one).some((share) => !(share >= 0 && share <= 1)));
    if (shares.length !== last + 1 || bad >= 0) {
      throw new PathPressError('BAD_OPTION', `retention-map: ${policy}: ${shares.length} compressions for ${last + 1}${bad >= 0 ? `, number ${bad} of ${shares[bad].length} tokens for ${text.words.length}` : ''}`);
    }
  }
  const rows = Math.ceil(text.words.length / columns);
  const grid = <T>(value: (at: number) => T): T[][] => Array.from({ length: rows }, (_, row) => Array.from({ length: columns }, (_, column) => value(row * columns + column)));
  const percents = (shares: ArrayLike<number>): (number | null)[][] => grid((at) => (at < shares.length ? Math.round(100 * shares[at]) : null));
  const scale = retentionBins.flatMap(({ from }, bin) => [[from, shades[bin]], [retentionBins[bin + 1]?.from ?? 1, shades[bin]]]);
  const shown = grid((at) => (text.words[at] ?? '').replace('<', '&lt;'));
  const maps = views.map(({ policy, shares }, index): Trace => ({
    type: 'heatmap', name: policy, showlegend: false, visible: index === 0, z: percents(shares[last]), zmin: 0, zmax: 100,
    colorscale: scale as [number, string][], showscale: false, xgap: 1, ygap: 1,
    text: shown, texttemplate: '%{text}', textfont: { size: cell.font }, hovertext: grid((at) => (at < text.words.length ? `token ${at + 1} · ${text.kinds[at]}` : '')),
    hovertemplate: `<b>%{text}</b> · %{hovertext}<br>held by %{z} % of the layers<extra>${policy}</extra>`,
  }));
  const legend = retentionBins.map(({ label }, bin): Trace => ({
    type: 'scatter', mode: 'markers', name: `${label} of the layers`, x: [null], y: [null], marker: { symbol: 'square', size: 12, color: shades[bin], line: { width: 1, color: ink.axis } },
  }));
  const frameOf = (compression: number): Trace => windowFrame(views[0].shares[compression].length, text.window);
  const indices = views.map((_, index) => index);
  const plotHeight = rows * cell.height;
  return frame(
    [...maps, ...legend],
    {
      xaxis: { visible: false, range: [-0.5, columns - 0.5], fixedrange: true },
      yaxis: { visible: false, range: [rows - 0.5, -0.5], fixedrange: true },
      shapes: [frameOf(last)],
      updatemenus: [{
        type: 'buttons', direction: 'right', showactive: true, active: 0, x: 0, xanchor: 'left', y: 1, yanchor: 'bottom', pad: { b: 6, t: 0, l: 0, r: 0 }, font: { size: 11 },
        buttons: views.map(({ policy }, chosen) => ({ label: policy, method: 'restyle', args: [{ visible: views.map((_, index) => index === chosen) }, indices] })),
      }],
      sliders: [{
        active: last, x: 0.04, len: 0.92, y: 0, yanchor: 'top', pad: { t: 8, b: 0, l: 0, r: 0 }, font: { size: 11 }, currentvalue: { visible: false }, ticklen: 3,
        steps: text.compressions.map((label, compression) => ({
          label, method: 'update', args: [{ z: views.map(({ shares }) => percents(shares[compression])) }, { shapes: [frameOf(compression)] }, indices],
        })),
      }],
    },
    { ...words, width, plotHeight, left: 16, right: 16, header: 34, bottom: 62 },
  );
}

/** The outline of the last `window` of `length` tokens, as they run from row to row. */
function windowFrame(length: number, window: number): Trace {
  const [first, end] = [length - window, length - 1].map((at) => ({ row: Math.floor(at / columns), column: at % columns }));
  const [left, right, top, bottom] = [-0.5, columns - 0.5, first.row - 0.5, end.row + 0.5];
  const corners = first.row === end.row
    ? [[first.column - 0.5, top], [end.column + 0.5, top], [end.column + 0.5, bottom], [first.column - 0.5, bottom]]
    : [[first.column - 0.5, top], [right, top], [right, end.row - 0.5], [end.column + 0.5, end.row - 0.5], [end.column + 0.5, bottom], [left, bottom], [left, first.row + 0.5], [first.column - 0.5, first.row + 0.5]];
  return { type: 'path', path: `M ${corners.map(([x, y]) => `${x},${y}`).join(' L ')} Z`, xref: 'x', yref: 'y', line: { color: colours.orange, width: 2 } };
}
