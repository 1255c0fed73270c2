/** Pieces that several figures share: points with intervals, rows of a dot plot, titles. */
import { PathPressError } from '../engine/errors.js';
import { labelWidth, type Panel } from './frame.js';
import { axis, type ModelKind, type Trace } from './theme.js';

/** What stands above a figure, and the note under it; `title` states the finding, so it is written from the numbers, not before them. */
export interface FigureText {
  title: string;
  subtitle?: string;
  note?: string;
}

/** A mean and its 95 % interval, where there is one. */
export interface Estimate {
  mean: number;
  low?: number;
  high?: number;
}

/** A mean at a place along the axis. */
export interface Point extends Estimate {
  x: number;
  /** Observations behind the mean. */
  n?: number;
}

/** A line of points, of one model. */
export interface Series {
  name: string;
  kind: ModelKind;
  /** `paper` is drawn with open marks. */
  source?: 'ours' | 'paper';
  points: Point[];
}

export const percent = (share: number): number => 100 * share;

/** @throws PathPressError `BAD_OPTION` when there is nothing to draw, or a number that cannot be drawn. */
export function checkDrawable(figure: string, estimates: Estimate[], describe: (index: number) => string): void {
  if (estimates.length === 0) throw new PathPressError('BAD_OPTION', `${figure}: nothing to draw`);
  estimates.forEach(({ mean, low = mean, high = mean }, index) => {
    const finite = [mean, low, high].every(Number.isFinite);
    if (!finite || low > mean || high < mean) {
      throw new PathPressError('BAD_OPTION', `${figure}: ${describe(index)}: mean ${mean}, interval [${low}, ${high}]`);
    }
  });
}

/** Plotly's error bars from the intervals; nothing where no estimate has one. */
export function errorBars(estimates: Estimate[], colour: string, scale = 1): Trace | undefined {
  if (estimates.every(({ low, high }) => low === undefined && high === undefined)) return undefined;
  return {
    type: 'data',
    symmetric: false,
    array: estimates.map(({ mean, high = mean }) => (high - mean) * scale),
    arrayminus: estimates.map(({ mean, low = mean }) => (mean - low) * scale),
    color: colour,
    thickness: 1.3,
    width: 3,
  };
}

/** The row of that name. @throws PathPressError `BAD_OPTION` naming it and the names there are. */
export function labelled<T extends { name: string }>(rows: T[], name: string, figure: string): T {
  const found = rows.find((row) => row.name === name);
  if (found) return found;
  throw new PathPressError('BAD_OPTION', `${figure}: no "${name}" among ${rows.map((row) => row.name).join(', ')}`);
}

/** Offset of the `index`-th of `count` marks that share a row of height 1. */
export function dodge(index: number, count: number, spread = 0.62): number {
  return count === 1 ? 0 : spread * (index / (count - 1) - 0.5);
}

/** Each value once, in order of appearance. */
export const distinct = <T>(values: T[]): T[] => [...new Set(values)];

/** A vertical axis of named rows, the first at the top; labels are shown in the first column only. */
export function rowAxis(labels: string[], panel: Panel, showLabels = true): Trace {
  return axis('', {
    title: { text: '' },
    domain: panel.yDomain,
    anchor: panel.x,
    range: [labels.length - 0.5, -0.5],
    tickmode: 'array',
    tickvals: labels.map((_, row) => row),
    ticktext: showLabels ? labels : labels.map(() => ''),
    ticks: '',
    showline: false,
    fixedrange: true,
  });
}

/** Left margin for such rows. */
export const rowMargin = (labels: string[]): number => Math.ceil(labelWidth(labels)) + 30;

/** A dashed line across a panel at `x` (upright) or `y` (level). */
export function rule(panel: Panel, at: { x?: number; y?: number }, colour: string): Trace {
  const upright = at.x !== undefined;
  return {
    type: 'line',
    layer: 'below',
    xref: upright ? panel.x : `${panel.x} domain`,
    yref: upright ? `${panel.y} domain` : panel.y,
    x0: upright ? at.x : 0,
    x1: upright ? at.x : 1,
    y0: upright ? 0 : at.y,
    y1: upright ? 1 : at.y,
    line: { color: colour, width: 1.2, dash: 'dash' },
  };
}
