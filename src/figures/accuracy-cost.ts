/** Accuracy against what the cache costs, entries or bytes: the comparison at equal cost. */
import type { Figure } from './figure.js';
import { frame, panelGrid, panelTitle } from './frame.js';
import { checkDrawable, distinct, errorBars, percent, type Estimate, type FigureText } from './parts.js';
import { axis, logAxis, marker, policyStyle, type Trace } from './theme.js';

/** Accuracy of a policy, and its cost. */
export interface CostedAccuracy extends Estimate {
  task: string;
  policy: string;
  /** Mean entries, mean bytes, peak bytes …: whatever `costTitle` says. */
  cost: number;
  /** What the share is of, on its task's axis: "pass@1" if left out. */
  measure?: string;
}

/**
 * Accuracy against what the cache costs, entries or bytes: the comparison at equal cost.
 * @param results shares from 0 to 1
 * @param costTitle name and unit of the cost, as "mean entries held"; the axis is logarithmic
 * @throws PathPressError `BAD_OPTION` where there is nothing to draw, a number is not finite or outside its
 *   interval, or a cost is not above 0
 */
export function accuracyCostFigure(results: CostedAccuracy[], costTitle: string, text: FigureText): Figure {
  checkDrawable('accuracy-cost', results, (index) => `${results[index].task}, ${results[index].policy}`);
  checkDrawable('accuracy-cost', results.map(({ cost }) => ({ mean: Math.log(cost) })), (index) => `${results[index].policy}: logarithm of the cost`);
  const tasks = distinct(results.map(({ task }) => task));
  const policies = distinct(results.map(({ policy }) => policy));
  const panels = panelGrid(tasks.length, tasks.length, 0.05);
  const data: Trace[] = [];
  const axes: Trace = {};
  tasks.forEach((task, column) => {
    const panel = panels[column];
    const measure = results.find((result) => result.task === task)!.measure ?? 'pass@1';
    axes[panel.xaxis] = logAxis(costTitle, results.map(({ cost }) => cost), { domain: panel.xDomain, anchor: panel.y });
    axes[panel.yaxis] = axis(column === 0 || measure !== 'pass@1' ? `${measure} (%)` : '', { domain: panel.yDomain, anchor: panel.x, range: [-4, 104] });
    policies.forEach((policy, index) => {
      const some = results.filter((result) => result.policy === policy);
      const here = some.filter((result) => result.task === task).sort((a, b) => a.cost - b.cost);
      if (here.length === 0) return;
      const style = policyStyle(policy, index);
      data.push({
        type: 'scatter', mode: 'lines+markers', name: policy, legendgroup: policy, showlegend: some[0].task === task,
        x: here.map(({ cost }) => cost), y: here.map(({ mean }) => percent(mean)), xaxis: panel.x, yaxis: panel.y,
        error_y: errorBars(here, style.colour, 100), marker: marker(style), line: { color: style.colour, width: 1.2 },
      });
    });
  });
  const annotations = tasks.map((task, column) => panelTitle(panels[column], task));
  return frame(data, { ...axes, annotations }, { ...text, width: tasks.length > 1 ? 980 : 760, header: 22 });
}
