/** Entries held against tokens generated (the paper's Figure 4): measured points over the closed form. */
import type { Figure } from './figure.js';
import { frame } from './frame.js';
import { checkDrawable, type FigureText } from './parts.js';
import { axis, marker, policyStyle, type Trace } from './theme.js';

/** One run: its cache's length by `closedForm`, and as measured. */
export interface Sawtooth {
  name: string;
  policy: string;
  /** One for each corner is enough: an upright step joins `before` and `after` of a compression. */
  closedForm: { generated: number; entries: number }[];
  measured: { generated: number; entries: number }[];
}

/**
 * Entries held against tokens generated (the paper's Figure 4): measured points over the closed form.
 * @throws PathPressError `BAD_OPTION` where there is nothing to draw, or a number is not finite
 */
export function sawtoothFigure(curves: Sawtooth[], text: FigureText): Figure {
  const points = curves.flatMap(({ name, closedForm, measured }) => [...closedForm, ...measured].map((point) => ({ name, ...point })));
  checkDrawable('sawtooth', points.map(({ entries }) => ({ mean: entries })), (index) => `${points[index].name} at ${points[index].generated}`);
  const xy = (own: { generated: number; entries: number }[]): Trace => ({
    x: own.map(({ generated }) => generated),
    y: own.map(({ entries }) => entries),
  });
  const lines = curves.map(({ name, policy, closedForm }, index): Trace => ({
    type: 'scatter', mode: 'lines', name: `${name}, closed form`, ...xy(closedForm), line: { color: policyStyle(policy, index).colour, width: 1.3 },
  }));
  const marks = curves.map(({ name, policy, measured }, index): Trace => ({
    type: 'scatter', mode: 'markers', name: `${name}, measured`, ...xy(measured), marker: marker(policyStyle(policy, index), 'ours', 7),
  }));
  return frame(
    [...lines, ...marks],
    {
      xaxis: axis('tokens generated', { rangemode: 'tozero', tickformat: ',d' }),
      yaxis: axis('entries held (a layer and head)', { rangemode: 'tozero', tickformat: ',d' }),
    },
    { ...text, left: 74 },
  );
}
