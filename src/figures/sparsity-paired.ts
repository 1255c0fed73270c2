/** Paired differences between models that answered the same prompts, as a forest plot. */
import type { Figure } from './figure.js';
import { frame, labelWidth, panelGrid } from './frame.js';
import { checkDrawable, distinct, dodge, errorBars, rowAxis, rowMargin, rule, type Estimate, type FigureText } from './parts.js';
import { axis, ink, marker, shortCount, sizes, type Trace } from './theme.js';

/** One difference at one length. */
export interface PairedDifference extends Estimate {
  /** "thinking − not thinking" */
  label: string;
  /** Length in tokens at which both were measured; lengths of one label share its row. */
  length: number;
  /** Prompts that both models answered with an output of at least `length` tokens. */
  pairs: number;
  /** Shares of the outputs that reach `length`, of the first and of the second model. */
  reach?: [number, number];
}

/**
 * Paired differences between models that answered the same prompts, as a forest plot.
 * @param quantity the difference's name and unit, as "difference of 3-gram entropy (bits)"
 * @throws PathPressError `BAD_OPTION` where there is nothing to draw, or a number is not finite or outside its interval
 */
export function sparsityPairedFigure(rows: PairedDifference[], quantity: string, text: FigureText): Figure {
  checkDrawable('sparsity-paired', rows, (index) => `${rows[index].label}, length ${rows[index].length}`);
  const labels = distinct(rows.map(({ label }) => label));
  const lengths = distinct(rows.map(({ length }) => length)).sort((a, b) => a - b);
  const [panel] = panelGrid(1, 1, 0);
  const shades = ['#0072B2', '#009E73', '#E69F00', '#CC79A7', '#56B4E9'];
  const symbols = ['circle', 'square', 'diamond', 'triangle-up', 'hexagon'];
  const position = (row: PairedDifference): number => {
    const beside = rows.filter(({ label }) => label === row.label).sort((a, b) => a.length - b.length);
    return labels.indexOf(row.label) + dodge(beside.indexOf(row), beside.length, 0.46);
  };
  const data = lengths.map((length, index): Trace => {
    const group = rows.filter((row) => row.length === length);
    const style = { colour: shades[index % shades.length], symbol: symbols[index % symbols.length] };
    return {
      type: 'scatter', mode: 'markers', name: `L = ${shortCount(length)}`, x: group.map(({ mean }) => mean), y: group.map(position),
      error_x: errorBars(group, style.colour), marker: marker(style, 'ours', 9),
    };
  });
  const rounded = (share: number): string => `${Math.round(100 * share)} %`;
  const remark = ({ pairs, reach }: PairedDifference): string =>
    `${pairs} pairs${reach ? `, reach L: ${rounded(reach[0])} / ${rounded(reach[1])}` : ''}`;
  const remarks = rows.map((row): Trace => ({
    text: remark(row), xref: 'paper', x: 1, xanchor: 'left', xshift: 10, yref: 'y', y: position(row), yanchor: 'middle',
    showarrow: false, borderpad: 0, font: { size: sizes.note, color: ink.soft },
  }));
  const crowd = Math.max(...labels.map((label) => rows.filter((row) => row.label === label).length));
  return frame(
    data,
    {
      xaxis: axis(quantity),
      yaxis: rowAxis(labels, panel),
      shapes: [rule(panel, { x: 0 }, ink.soft)],
      annotations: remarks,
    },
    {
      ...text,
      plotHeight: 40 + labels.length * Math.max(34, 24 * crowd),
      left: rowMargin(labels),
      right: Math.ceil(labelWidth(rows.map(remark), sizes.note)) + 26,
      legend: lengths.length > 1,
    },
  );
}
