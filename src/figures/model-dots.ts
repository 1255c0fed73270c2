/** Marks of several models beside each other: differences of arms with a margin, and accuracy of every arm; a panel a task. */
import type { Figure } from './figure.js';
import { frame, panelGrid, panelTitle, type Panel } from './frame.js';
import { checkDrawable, distinct, dodge, errorBars, percent, rowAxis, rowMargin, rule, type Estimate, type FigureText } from './parts.js';
import { axis, colours, faded, ink, marker, modelStyle, sizes, type Style, type Trace } from './theme.js';

/** A share, or a difference of shares, in a row of a task's panel. */
export interface ModelMark extends Estimate {
  task: string;
  row: string;
  /** A model's name, or `together`. */
  model: string;
}

/** What models are called when they stand for all of them. */
export const together = 'together';

const width = 980;
const styleOf = (model: string, models: string[]): Style =>
  model === together ? { colour: colours.vermilion, symbol: 'star' } : modelStyle('reasoning', models.filter((one) => one !== together).indexOf(model));

/**
 * Differences of two arms with each model and together; ±`margin` is shaded.
 * @param marks differences of shares, -1 to 1
 * @param more `margin`: a share; `labels`: what stands beside a task's name; `faint`: tasks that cannot tell, greyed; `axisTitles`:
 *   by task, pass@1 if left out
 * @throws PathPressError `BAD_OPTION` where there is nothing to draw, or a number is not finite or outside its interval
 */
export function modelDifferencesFigure(
  marks: ModelMark[],
  text: FigureText,
  more: { margin?: number; labels?: Record<string, string>; faint?: string[]; axisTitles?: Record<string, string> } = {},
): Figure {
  const { margin = 0, labels = {}, faint = [], axisTitles = {} } = more;
  const axisTitle = (task: string): string => axisTitles[task] ?? 'difference in pass@1 (points)';
  const shapes = (panel: Panel, task: string): Trace[] => [
    ...(faint.includes(task) ? [band(panel, [0, 1], `${panel.x} domain`, faded(colours.grey, 0.16))] : []),
    ...(margin > 0 ? [band(panel, [-percent(margin), percent(margin)], panel.x, faded(colours.green, 0.16))] : []),
  ];
  const range = (here: ModelMark[]): [number, number] => {
    const ends = [...here.flatMap(({ mean, low = mean, high = mean }) => [percent(low), percent(high)]), 0, -2 * percent(margin), 2 * percent(margin)];
    const [low, high] = [Math.min(...ends), Math.max(...ends)];
    const room = 0.05 * Math.max(high - low, 1);
    return [low - room, high + room];
  };
  return dots('model-differences', marks, text, { axisTitle, range, shapes, labels, zero: { zeroline: true, zerolinecolor: ink.soft, zerolinewidth: 1.4 } });
}

/**
 * Accuracy of every arm with each model; `groups` counts rows from the top that belong together, parted by lines; `axisTitles`: by task.
 * @param marks shares, 0 to 1
 * @throws PathPressError `BAD_OPTION` where there is nothing to draw, or a number is not finite or outside its interval
 */
export function modelArmsFigure(marks: ModelMark[], text: FigureText, more: { groups?: number[]; labels?: Record<string, string>; axisTitles?: Record<string, string> } = {}): Figure {
  const { groups = [], labels = {}, axisTitles = {} } = more;
  const ends = groups.map((_, i) => groups.slice(0, i + 1).reduce((sum, rows) => sum + rows, 0));
  const shapes = (panel: Panel): Trace[] => ends.map((end) => ({ ...rule(panel, { y: end - 0.5 }, ink.axis), line: { color: ink.axis, width: 0.8 } }));
  return dots('model-arms', marks, text, { axisTitle: (task) => axisTitles[task] ?? 'pass@1 (%)', range: () => [-3, 103], shapes, labels });
}

interface Dots {
  axisTitle: (task: string) => string;
  range: (here: ModelMark[]) => [number, number];
  shapes: (panel: Panel, task: string) => Trace[];
  labels: Record<string, string>;
  /** How the axis shows where it is 0. */
  zero?: Trace;
}

function dots(figure: string, marks: ModelMark[], text: FigureText, { axisTitle, range, shapes, labels, zero = {} }: Dots): Figure {
  checkDrawable(figure, marks, (index) => `${marks[index].task}, ${marks[index].row}, ${marks[index].model}`);
  const tasks = distinct(marks.map(({ task }) => task));
  const rows = distinct(marks.map(({ row }) => row));
  const models = distinct(marks.map(({ model }) => model));
  const named = rows.every((row) => models.includes(row)); // rows that name the models need no legend
  const panels = panelGrid(tasks.length, tasks.length, 0.05);
  const data: Trace[] = [];
  const axes: Trace = {};
  tasks.forEach((task, column) => {
    const panel = panels[column];
    const ofTask = marks.filter((mark) => mark.task === task);
    axes[panel.xaxis] = axis(axisTitle(task), { domain: panel.xDomain, anchor: panel.y, range: range(ofTask), ...zero });
    axes[panel.yaxis] = rowAxis(rows, panel, column === 0);
    models.forEach((model) => {
      const here = ofTask.filter((mark) => mark.model === model);
      if (here.length === 0) return;
      const style = styleOf(model, models);
      const place = ({ row }: ModelMark): number => rows.indexOf(row) + (named ? 0 : dodge(models.indexOf(model), models.length, 0.5));
      data.push({
        type: 'scatter', mode: 'markers', name: model, legendgroup: model, showlegend: column === 0,
        x: here.map(({ mean }) => percent(mean)), y: here.map(place), xaxis: panel.x, yaxis: panel.y,
        error_x: errorBars(here, style.colour, 100), marker: marker(style, 'ours', (named ? 10 : 7) + (model === together ? 2 : 0)),
      });
    });
  });
  const plotHeight = 34 + rows.length * (named ? 38 : 14 + 11 * models.length);
  return frame(
    data,
    {
      ...axes,
      shapes: panels.flatMap((panel, column) => shapes(panel, tasks[column])),
      annotations: panels.flatMap((panel, column) => headings(panel, tasks[column], labels[tasks[column]])),
    },
    { ...text, width, plotHeight, left: rowMargin(rows), header: Object.keys(labels).length > 0 ? 40 : 22, legend: !named },
  );
}

function headings(panel: Panel, task: string, label?: string): Trace[] {
  if (label === undefined) return [panelTitle(panel, task)];
  const above = panelTitle(panel, task);
  return [
    { ...above, yshift: 20 },
    { ...above, text: label, font: { size: sizes.subtitle, color: ink.soft } },
  ];
}

function band(panel: Panel, [x0, x1]: [number, number], xref: string, colour: string): Trace {
  return { type: 'rect', layer: 'below', xref, yref: `${panel.y} domain`, x0, x1, y0: 0, y1: 1, fillcolor: colour, line: { width: 0 } };
}
