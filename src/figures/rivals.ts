/** Accuracy of many policies against what their caches cost: prompt pinned above, prompt free to leave below. */
import type { Figure } from './figure.js';
import { frame, panelGrid, panelTitle } from './frame.js';
import { checkDrawable, distinct, errorBars, percent, type Estimate, type FigureText } from './parts.js';
import { axis, faded, logAxis, marker, policyStyle, type Trace } from './theme.js';

/** Accuracy of a policy at a budget, and its cost. */
export interface RivalPoint extends Estimate {
  task: string;
  policy: string;
  /** The prompt never leaves: the upper row of panels. */
  pinned: boolean;
  /** Pinned or not as its authors have it: drawn filled, else open. */
  published: boolean;
  cost: number;
}

/**
 * A column of panels a task; a policy's budgets are joined by a line. The full cache stands in both rows.
 * @param points shares from 0 to 1
 * @param costTitle name and unit of the cost, as "mean bytes (KiB)"; the axis is logarithmic
 * @throws PathPressError `BAD_OPTION` where there is nothing to draw, a number is not finite or outside its
 *   interval, or a cost is not above 0
 */
export function rivalsFigure(points: RivalPoint[], costTitle: string, text: FigureText): Figure {
  checkDrawable('rivals', points, (index) => `${points[index].task}, ${points[index].policy}`);
  checkDrawable('rivals', points.map(({ cost }) => ({ mean: Math.log(cost) })), (index) => `${points[index].policy}: logarithm of the cost`);
  const tasks = distinct(points.map(({ task }) => task));
  const policies = distinct(points.map(({ policy }) => policy));
  const panels = panelGrid(2 * tasks.length, tasks.length, 0.05, 0.12);
  const data: Trace[] = [];
  const axes: Trace = {};
  const named = new Set<string>();
  panels.forEach((panel, index) => {
    const task = tasks[index % tasks.length];
    const upper = index < tasks.length;
    const ofTask = points.filter((point) => point.task === task);
    axes[panel.xaxis] = logAxis(upper ? '' : costTitle, ofTask.map(({ cost }) => cost), { domain: panel.xDomain, anchor: panel.y });
    axes[panel.yaxis] = axis(index % tasks.length === 0 ? 'pass@1 (%)' : '', { domain: panel.yDomain, anchor: panel.x, range: [-4, 104] });
    policies.forEach((policy, number) => {
      const style = policyStyle(policy, number);
      const here = ofTask.filter((point) => point.policy === policy && (point.pinned === upper || policy === 'full')).sort((a, b) => a.cost - b.cost);
      if (here.length === 0) return;
      data.push({
        type: 'scatter', mode: 'lines+markers', name: policy, legendgroup: policy, showlegend: !named.has(policy),
        x: here.map(({ cost }) => cost), y: here.map(({ mean }) => percent(mean)), xaxis: panel.x, yaxis: panel.y,
        error_y: { ...errorBars(here, faded(style.colour, 0.3), 100), width: 0 }, line: { color: style.colour, width: 1 },
        marker: marker(style, here[0].published ? 'ours' : 'paper', here[0].published ? 7 : 5),
      });
      named.add(policy);
    });
  });
  const annotations = panels.map((panel, index) =>
    panelTitle(panel, `${tasks[index % tasks.length]} · prompt ${index < tasks.length ? 'pinned' : 'free to leave'}`),
  );
  return frame(data, { ...axes, annotations }, { ...text, width: 980, plotHeight: 480, header: 22 });
}
