/** Redundancy rate against the cosine threshold, a panel for each embedder: how much of it is the instrument's. */
import type { Figure } from './figure.js';
import { frame, panelGrid, panelTitle } from './frame.js';
import { checkDrawable, distinct, errorBars, percent, rule, type FigureText, type Series } from './parts.js';
import { axis, colours, marker, modelStylesOf, type Trace } from './theme.js';

/** One model's rates under one embedder. */
export interface ThresholdSeries extends Series {
  /** `x` of the points is the cosine above which two sentences count as similar, `mean` a share from 0 to 1. */
  embedder: string;
}

/**
 * Redundancy rate against the cosine threshold, a panel for each embedder: how much of it is the instrument's.
 * @param paperThreshold marked by an upright line (0.75 in the paper)
 * @throws PathPressError `BAD_OPTION` where there is nothing to draw, or a number is not finite or outside its interval
 */
export function redundancyThresholdFigure(series: ThresholdSeries[], text: FigureText, paperThreshold = 0.75): Figure {
  const points = series.flatMap((one) => one.points.map((point) => ({ ...point, of: `${one.name}, ${one.embedder}` })));
  checkDrawable('redundancy-threshold', points, (index) => `${points[index].of}, threshold ${points[index].x}`);
  const embedders = distinct(series.map(({ embedder }) => embedder));
  const names = distinct(series.map(({ name }) => name));
  const styles = modelStylesOf(names.map((name) => series.find((one) => one.name === name)!.kind));
  const columns = embedders.length <= 3 ? embedders.length : 2;
  const panels = panelGrid(embedders.length, columns, 0.05, 0.22);
  const data: Trace[] = [];
  const axes: Trace = {};
  embedders.forEach((embedder, index) => {
    const panel = panels[index];
    const firstColumn = index % columns === 0;
    axes[panel.xaxis] = axis('cosine threshold', { domain: panel.xDomain, anchor: panel.y });
    axes[panel.yaxis] = axis(firstColumn ? 'share of sentences (%)' : '', { domain: panel.yDomain, anchor: panel.x, range: [-3, 103] });
    for (const one of series.filter((candidate) => candidate.embedder === embedder)) {
      const style = styles[names.indexOf(one.name)];
      const sorted = [...one.points].sort((a, b) => a.x - b.x);
      data.push({
        type: 'scatter', mode: 'lines+markers', name: one.name, legendgroup: one.name,
        showlegend: series.find((candidate) => candidate.name === one.name) === one,
        x: sorted.map(({ x }) => x), y: sorted.map(({ mean }) => percent(mean)), xaxis: panel.x, yaxis: panel.y,
        error_y: errorBars(sorted, style.colour, 100), marker: marker(style, one.source, 7), line: { color: style.colour, width: 1.8 },
      });
    }
  });
  const annotations = embedders.map((embedder, index) => panelTitle(panels[index], embedder));
  const shapes = panels.map((panel) => rule(panel, { x: paperThreshold }, colours.grey));
  const rows = Math.ceil(embedders.length / columns);
  return frame(data, { ...axes, annotations, shapes }, { ...text, width: 980, plotHeight: rows === 1 ? 320 : 270 * rows, header: 22 });
}
