/** What a solved problem costs under each policy: a row each, a mark a budget; those that solve nothing are named. */
import type { Figure } from './figure.js';
import { frame, panelGrid, panelTitle } from './frame.js';
import { checkDrawable, distinct, rowAxis, rowMargin, rule, type FigureText } from './parts.js';
import { ink, logAxis, marker, policyStyle, sizes, type Trace } from './theme.js';

/** Cost of a solved problem under a policy at a budget. */
export interface SolvedCost {
  task: string;
  policy: string;
  /** What the row is called; the policy alone gives the colour. */
  row: string;
  budget: string;
  /** null where no problem is solved: the cost is undefined. */
  cost: number | null;
}

const roomForNames = 0.55; // of the data's range, right of it

/**
 * A panel a task; the full cache's cost runs down as a dashed line.
 * @param costTitle name and unit of the cost; the axis is logarithmic
 * @throws PathPressError `BAD_OPTION` where no cost is defined, or one is not above 0
 */
export function solvedCostFigure(costs: SolvedCost[], costTitle: string, text: FigureText): Figure {
  const defined = costs.filter((one): one is SolvedCost & { cost: number } => one.cost !== null);
  checkDrawable('solved-cost', defined.map(({ cost }) => ({ mean: Math.log(cost) })), (index) => `${defined[index].row}: logarithm of the cost`);
  const tasks = distinct(costs.map(({ task }) => task));
  const rows = distinct(costs.map(({ row }) => row));
  const policies = distinct(costs.map(({ policy }) => policy));
  const panels = panelGrid(tasks.length, tasks.length, 0.03);
  const data: Trace[] = [];
  const axes: Trace = {};
  const shapes: Trace[] = [];
  const annotations: Trace[] = tasks.map((task, column) => panelTitle(panels[column], task));
  tasks.forEach((task, column) => {
    const panel = panels[column];
    const here = defined.filter((one) => one.task === task);
    const values = here.length ? here.map(({ cost }) => cost) : [1];
    const [low, high] = [Math.log10(Math.min(...values)), Math.log10(Math.max(...values))];
    const span = Math.max(high - low, 0.3);
    // Ticks for all that is drawn, the room for names too: else they are too many for it, turn and push the title away.
    const end = high + roomForNames * span;
    axes[panel.xaxis] = logAxis(costTitle, [...values, 10 ** end], { domain: panel.xDomain, anchor: panel.y, range: [low - 0.06 * span, end] });
    axes[panel.yaxis] = rowAxis(rows, panel, column === 0);
    const full = here.find(({ policy }) => policy === 'full');
    if (full) shapes.push(rule(panel, { x: full.cost }, ink.axis));
    for (const row of rows) {
      const own = costs.filter((one) => one.task === task && one.row === row);
      if (own.length === 0) continue;
      const solved = own.flatMap(({ cost, budget }) => (cost === null ? [] : [{ cost, budget }]));
      const style = policyStyle(own[0].policy, policies.indexOf(own[0].policy));
      if (solved.length) {
        data.push({
          type: 'scatter', mode: 'lines+markers', name: row, xaxis: panel.x, yaxis: panel.y,
          x: solved.map(({ cost }) => cost), y: solved.map(() => rows.indexOf(row)),
          marker: marker(style), line: { color: style.colour, width: 1 },
        });
      }
      const none = own.filter(({ cost }) => cost === null).map(({ budget }) => budget);
      if (none.length) {
        annotations.push({
          text: `none: ${none.length === own.length && own.length > 1 ? 'all' : none.join(', ')}`, xref: `${panel.x} domain`, x: 1, yref: panel.y, y: rows.indexOf(row),
          xanchor: 'right', yanchor: 'middle', showarrow: false, borderpad: 0, font: { size: sizes.note, color: ink.soft },
        });
      }
    }
  });
  return frame(data, { ...axes, shapes, annotations }, { ...text, width: 980, plotHeight: 30 + rows.length * 18, left: rowMargin(rows), header: 22, legend: false });
}
