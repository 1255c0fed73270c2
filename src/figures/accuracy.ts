/** pass@1 of each policy at each setting, a panel for each task; the full cache's interval runs down as a band. */
import type { Figure } from './figure.js';
import { frame, panelGrid, panelTitle } from './frame.js';
import { checkDrawable, distinct, dodge, errorBars, percent, rowAxis, rowMargin, type Estimate, type FigureText } from './parts.js';
import { axis, faded, marker, policyStyle, type Trace } from './theme.js';

/** pass@1 of a policy at a setting. */
export interface Accuracy extends Estimate {
  task: string;
  /** `full`, `rpc`, `recency`, `random-persistent`, `random-redraw`, … */
  policy: string;
  /** What the row is called: "P = 128, c = 4"; the full cache has a row of its own. */
  setting: string;
  /** What the share is of, on its task's axis: "pass@1" if left out. */
  measure?: string;
}

/**
 * pass@1 of each policy at each setting, a panel for each task; the full cache's interval runs down as a band.
 * @param results shares from 0 to 1, with their 95 % intervals
 * @throws PathPressError `BAD_OPTION` where there is nothing to draw, or a number is not finite or outside its interval
 */
export function accuracyFigure(results: Accuracy[], text: FigureText): Figure {
  checkDrawable('accuracy', results, (index) => `${results[index].task}, ${results[index].policy}, ${results[index].setting}`);
  const tasks = distinct(results.map(({ task }) => task));
  const settings = distinct(results.map(({ setting }) => setting));
  const policies = distinct(results.map(({ policy }) => policy));
  const panels = panelGrid(tasks.length, tasks.length, 0.04);
  const data: Trace[] = [];
  const axes: Trace = {};
  const shapes: Trace[] = [];
  const row = ({ policy, setting }: Accuracy): number => {
    const beside = policies.filter((one) => results.some((result) => result.setting === setting && result.policy === one));
    return settings.indexOf(setting) + dodge(beside.indexOf(policy), beside.length);
  };
  tasks.forEach((task, column) => {
    const panel = panels[column];
    axes[panel.xaxis] = axis(`${results.find((result) => result.task === task)!.measure ?? 'pass@1'} (%)`, { domain: panel.xDomain, anchor: panel.y, range: [-3, 103] });
    axes[panel.yaxis] = rowAxis(settings, panel, column === 0);
    const full = results.find((result) => result.task === task && result.policy === 'full');
    if (full) {
      const { mean, low = mean, high = mean } = full;
      shapes.push({
        type: 'rect', layer: 'below', xref: panel.x, yref: `${panel.y} domain`, x0: percent(low), x1: percent(high), y0: 0, y1: 1,
        fillcolor: faded(policyStyle('full').colour, 0.08), line: { width: 0 },
      });
    }
    policies.forEach((policy, index) => {
      const some = results.filter((result) => result.policy === policy);
      const here = some.filter((result) => result.task === task);
      if (here.length === 0) return;
      const style = policyStyle(policy, index);
      data.push({
        type: 'scatter', mode: 'markers', name: policy, legendgroup: policy, showlegend: some[0].task === task,
        x: here.map(({ mean }) => percent(mean)), y: here.map(row), xaxis: panel.x, yaxis: panel.y,
        error_x: errorBars(here, style.colour, 100), marker: marker(style, 'ours', 8),
      });
    });
  });
  const rules = settings.slice(1).flatMap((_, index) =>
    panels.map((panel): Trace => ({
      type: 'line', layer: 'below', xref: `${panel.x} domain`, yref: panel.y, x0: 0, x1: 1, y0: index + 0.5, y1: index + 0.5,
      line: { color: '#D0D0D0', width: 0.8 },
    })),
  );
  for (const panel of panels) (axes[panel.yaxis] as Trace).showgrid = false;
  const crowd = Math.max(...settings.map((setting) => distinct(results.filter((r) => r.setting === setting).map((r) => r.policy)).length));
  return frame(
    data,
    { ...axes, shapes: [...shapes, ...rules], annotations: tasks.map((task, column) => panelTitle(panels[column], task)) },
    { ...text, width: 980, plotHeight: 40 + settings.length * Math.max(26, 15 * crowd), left: rowMargin(settings), header: 22 },
  );
}
