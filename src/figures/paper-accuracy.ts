/** The paper's accuracy table, drawn: other models than ours, and no intervals, since it gives none. */
import type { PaperAccuracy } from '../paper/reported.js';
import type { Figure } from './figure.js';
import { frame, panelGrid, panelTitle } from './frame.js';
import { checkDrawable, distinct, rowAxis, rowMargin, rule, type FigureText } from './parts.js';
import { axis, colours, marker, policyStyle, type Trace } from './theme.js';

const policyOf = (method: string): string => (method.startsWith('RPC') ? 'rpc' : method.startsWith('Full') ? 'full' : method);

/**
 * The paper's accuracy table (arXiv 2505.13866), drawn: other models than ours, and no intervals, since it gives none.
 * @param table pass@1 in percent, as `reported().accuracy`
 * @throws PathPressError `BAD_OPTION` where there is nothing to draw, or a number is not finite
 */
export function paperAccuracyFigure(table: PaperAccuracy[], text: FigureText): Figure {
  checkDrawable('paper-accuracy', table.map(({ passAt1 }) => ({ mean: passAt1 })), (index) => table[index].method);
  const benchmarks = distinct(table.map(({ benchmark }) => benchmark));
  const rows = distinct(table.map(({ model, method }) => `${model} · ${method}`));
  const policies = distinct(table.map(({ method }) => policyOf(method)));
  const panels = panelGrid(benchmarks.length, benchmarks.length, 0.03);
  const data: Trace[] = [];
  const axes: Trace = {};
  const shapes: Trace[] = [];
  benchmarks.forEach((benchmark, column) => {
    const panel = panels[column];
    axes[panel.xaxis] = axis('pass@1 (%)', { domain: panel.xDomain, anchor: panel.y, range: [-3, 93] });
    axes[panel.yaxis] = rowAxis(rows, panel, column === 0);
    for (const policy of policies) {
      const here = table.filter((cell) => cell.benchmark === benchmark && policyOf(cell.method) === policy);
      data.push({
        type: 'scatter', mode: 'markers', name: policy, legendgroup: policy, showlegend: column === 0,
        x: here.map(({ passAt1 }) => passAt1), y: here.map(({ model, method }) => rows.indexOf(`${model} · ${method}`)),
        xaxis: panel.x, yaxis: panel.y, marker: marker(policyStyle(policy), 'paper'),
      });
    }
    const models = distinct(table.map(({ model }) => model));
    for (const model of models.slice(1)) {
      const first = rows.findIndex((row) => row.startsWith(`${model} ·`));
      shapes.push(rule(panel, { y: first - 0.5 }, colours.grey));
    }
  });
  const annotations = benchmarks.map((benchmark, column) => panelTitle(panels[column], benchmark));
  return frame(
    data,
    { ...axes, shapes, annotations },
    { ...text, width: 980, plotHeight: 30 + rows.length * 23, left: rowMargin(rows), header: 22 },
  );
}
