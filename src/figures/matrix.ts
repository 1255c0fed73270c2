/** Shares in a table of coloured cells with the number in each, a panel a group. */
import { PathPressError } from '../engine/errors.js';
import type { Figure } from './figure.js';
import { frame, panelGrid, panelTitle } from './frame.js';
import { distinct, rowAxis, rowMargin, type FigureText } from './parts.js';
import { axis, ink, sizes, type Trace } from './theme.js';

/** One cell. */
export interface MatrixCell {
  panel: string;
  row: string;
  column: string;
  /** 0 to 1; null where there is none. */
  share: number | null;
}

const shades: [number, string][] = [[0, '#F4F7FA'], [0.5, '#4C93C6'], [1, '#12466F']];

/**
 * Rows from the top, columns and panels from the left, in order of appearance; whole per cents.
 * @throws PathPressError `BAD_OPTION` where there is nothing to draw, or a share lies outside 0 to 1
 */
export function matrixFigure(cells: MatrixCell[], text: FigureText): Figure {
  const bad = cells.find(({ share }) => share !== null && !(share >= 0 && share <= 1));
  if (cells.length === 0 || bad) throw new PathPressError('BAD_OPTION', bad ? `matrix: ${bad.panel}, ${bad.row}, ${bad.column}: share ${bad.share}` : 'matrix: nothing to draw');
  const names = distinct(cells.map(({ panel }) => panel));
  const rows = distinct(cells.map(({ row }) => row));
  const panels = panelGrid(names.length, names.length, 0.03);
  const data: Trace[] = [];
  const axes: Trace = {};
  panels.forEach((panel, index) => {
    const here = cells.filter((cell) => cell.panel === names[index]);
    const columns = distinct(here.map(({ column }) => column));
    const at = (row: string, column: string): number | null => here.find((cell) => cell.row === row && cell.column === column)?.share ?? null;
    const percents = rows.map((row) => columns.map((column) => { const share = at(row, column); return share === null ? null : Math.round(100 * share); })); // prettier-ignore
    data.push({
      type: 'heatmap', showscale: false, showlegend: false, xaxis: panel.x, yaxis: panel.y, z: percents, zmin: 0, zmax: 100, colorscale: shades, xgap: 1, ygap: 1,
      texttemplate: '%{z}', textfont: { size: sizes.note }, customdata: rows.map((row) => columns.map((column) => `${row} · ${column}`)),
      hovertemplate: `${names[index]}<br>%{customdata}<br>%{z} %<extra></extra>`,
    });
    axes[panel.xaxis] = axis('', {
      domain: panel.xDomain, anchor: panel.y, tickmode: 'array', tickvals: columns.map((_, i) => i), ticktext: columns, tickangle: -90,
      range: [-0.5, columns.length - 0.5], showgrid: false, showline: false, ticks: '', title: { text: '' }, tickfont: { size: sizes.note, color: ink.text },
    });
    axes[panel.yaxis] = { ...rowAxis(rows, panel, index === 0), showgrid: false };
  });
  return frame(data, { ...axes, annotations: panels.map((panel, index) => panelTitle(panel, names[index])) }, {
    ...text, width: 980, plotHeight: rows.length * 26, left: rowMargin(rows), bottom: rowMargin(distinct(cells.map(({ column }) => column))), header: 22, legend: false,
  });
}
