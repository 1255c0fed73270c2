/** Shares in named rows, a mark a series, a panel a group: retention by class, copies that survive, attention lost. */
import type { Figure } from './figure.js';
import { frame, panelGrid, panelTitle } from './frame.js';
import { checkDrawable, distinct, dodge, errorBars, percent, rowAxis, rowMargin, rule, type Estimate, type FigureText } from './parts.js';
import { axis, ink, lineStyles, marker, policyStyle, type Trace } from './theme.js';

/** One mark. */
export interface ShareMark extends Estimate {
  panel: string;
  row: string;
  /** A policy, which gives colour and symbol, where `policies` does not say otherwise. */
  series: string;
}

/**
 * Rows from the top and panels from the left in order of appearance.
 * @param marks estimates are shares, 0 to 1
 * @param more `rule`: a share at which a dashed line runs through every panel; `rowHeight` in pixels, 26 if left out;
 *   `policies` false: series are something else, and get styles by their order
 * @throws PathPressError `BAD_OPTION` where there is nothing to draw, or a number is not finite or outside its interval
 */
export function sharesFigure(marks: ShareMark[], shareTitle: string, text: FigureText, more: { rule?: number; rowHeight?: number; policies?: boolean } = {}): Figure {
  checkDrawable('shares', marks, (index) => `${marks[index].panel}, ${marks[index].row}, ${marks[index].series}`);
  const { rowHeight = 26, policies = true } = more;
  const [names, rows, series] = [distinct(marks.map(({ panel }) => panel)), distinct(marks.map(({ row }) => row)), distinct(marks.map((one) => one.series))];
  const panels = panelGrid(names.length, names.length, 0.03);
  const top = Math.max(...marks.map(({ mean, high = mean }) => high));
  const spread = Math.min(0.62, 0.22 * (series.length - 1)); // few marks stay close to their row
  const data = names.flatMap((name, column) =>
    series.map((one, index): Trace => {
      const here = marks.filter((mark) => mark.panel === name && mark.series === one);
      const named = marks.find((mark) => mark.series === one)!.panel === name; // in the legend, once
      const style = policies ? policyStyle(one, index) : lineStyles[index % lineStyles.length];
      return {
        type: 'scatter', mode: 'markers', name: one, legendgroup: one, showlegend: named, xaxis: panels[column].x, yaxis: panels[column].y,
        x: here.map(({ mean }) => percent(mean)), y: here.map(({ row }) => rows.indexOf(row) + dodge(index, series.length, spread)),
        error_x: { ...errorBars(here, style.colour, 100), width: 0 }, marker: marker(style, 'ours', 7),
      };
    }),
  );
  const axes = Object.assign({}, ...panels.map((panel, column) => ({
    [panel.xaxis]: axis(shareTitle, { domain: panel.xDomain, anchor: panel.y, range: [-3, Math.min(104, 104 * Math.max(top, 0.05))] }),
    [panel.yaxis]: rowAxis(rows, panel, column === 0),
  }))) as Trace;
  const shapes = more.rule === undefined ? [] : panels.map((panel) => rule(panel, { x: percent(more.rule!) }, ink.axis));
  return frame(data, { ...axes, shapes, annotations: panels.map((panel, column) => panelTitle(panel, names[column])) }, {
    ...text, width: 980, plotHeight: 20 + rows.length * rowHeight, left: rowMargin(rows), header: 22,
  });
}
