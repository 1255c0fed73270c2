/** Distribution of output lengths, as the share of outputs no longer than x tokens. */
import type { Figure } from './figure.js';
import { frame } from './frame.js';
import { checkDrawable, distinct, percent, type FigureText } from './parts.js';
import { axis, colours, logAxis, modelStylesOf, shortCount, type ModelKind, type Trace } from './theme.js';

/** Outputs of one model. */
export interface LengthSample {
  name: string;
  kind: ModelKind;
  /** Output tokens, one for each output. */
  lengths: number[];
}

/** Steps of the empirical distribution, thinned to 400 so that a figure stays small. */
function steps(lengths: number[]): { x: number[]; y: number[] } {
  const sorted = [...lengths].sort((a, b) => a - b);
  const stride = Math.max(1, Math.ceil(sorted.length / 400));
  const kept = sorted.map((_, index) => index).filter((index) => index % stride === 0 || index === sorted.length - 1);
  return { x: kept.map((index) => sorted[index]), y: kept.map((index) => percent((index + 1) / sorted.length)) };
}

/**
 * Distribution of output lengths, as the share of outputs no longer than x tokens; the axis is logarithmic.
 * @param intervals marked by upright lines where a first compression would come at that P
 * @throws PathPressError `BAD_OPTION` where there is nothing to draw, or a length is not above 0
 */
export function lengthsFigure(samples: LengthSample[], text: FigureText, intervals: number[] = []): Figure {
  const all = samples.flatMap(({ name, lengths }) => lengths.map((length) => ({ name, length })));
  checkDrawable('lengths', all.map(({ length }) => ({ mean: Math.log(length) })), (index) => `${all[index].name}: logarithm of a length`);
  const styles = modelStylesOf(samples.map(({ kind }) => kind));
  const dashes: Record<ModelKind, string> = { reasoning: 'solid', 'non-reasoning': 'dash' };
  const data = samples.map(({ name, kind, lengths }, index): Trace => ({
    type: 'scatter', mode: 'lines', name: `${name} (${lengths.length})`, ...steps(lengths),
    line: { shape: 'hv', color: styles[index].colour, width: 1.8, dash: dashes[kind] },
  }));
  const marks = distinct(intervals);
  return frame(
    data,
    {
      xaxis: logAxis('output length (tokens)', [...all.map(({ length }) => length), ...marks]),
      yaxis: axis('outputs no longer than this (%)', { range: [-2, 102] }),
      shapes: marks.map((interval): Trace => ({
        type: 'line', layer: 'below', xref: 'x', yref: 'y domain', x0: interval, x1: interval, y0: 0, y1: 1, line: { color: colours.grey, width: 1, dash: 'dot' },
      })),
      annotations: marks.map((interval): Trace => ({
        text: `P = ${shortCount(interval)}`, xref: 'x', yref: 'y domain', x: Math.log10(interval), y: 1, yanchor: 'bottom', yshift: 2,
        showarrow: false, borderpad: 0, font: { size: 10.5, color: colours.grey },
      })),
    },
    { ...text, header: marks.length > 0 ? 18 : 0 },
  );
}
