/** Redundancy rate of each source, a panel for each N: the share of sentences with more than N similar others. */
import type { Figure } from './figure.js';
import { frame, panelGrid, panelTitle } from './frame.js';
import { checkDrawable, distinct, errorBars, percent, rowAxis, rowMargin, type Estimate, type FigureText } from './parts.js';
import { axis, colours, marker, type ModelKind, type Trace } from './theme.js';

/** rate(N) of one source. */
export interface RedundancyRate extends Estimate {
  /** Model and prompts: one row of the figure. */
  name: string;
  kind: ModelKind;
  source?: 'ours' | 'paper';
  /** The N of "more than N similar others"; `mean` is a share from 0 to 1. */
  moreThan: number;
}

const groups = [
  { kind: 'reasoning', source: 'ours', name: 'reasoning', style: { colour: colours.blue, symbol: 'circle' } },
  { kind: 'non-reasoning', source: 'ours', name: 'non-reasoning', style: { colour: colours.vermilion, symbol: 'triangle-up' } },
  { kind: 'reasoning', source: 'paper', name: 'reasoning (paper)', style: { colour: colours.blue, symbol: 'circle' } },
  { kind: 'non-reasoning', source: 'paper', name: 'non-reasoning (paper)', style: { colour: colours.vermilion, symbol: 'triangle-up' } },
] as const;

/**
 * Redundancy rate of each source, a panel for each N. The paper's rows stand apart, or on ours of the same name.
 * @throws PathPressError `BAD_OPTION` where there is nothing to draw, or a number is not finite or outside its interval
 */
export function redundancyFigure(rates: RedundancyRate[], text: FigureText): Figure {
  checkDrawable('redundancy', rates, (index) => `${rates[index].name}, N = ${rates[index].moreThan}`);
  const orders = distinct(rates.map(({ moreThan }) => moreThan)).sort((a, b) => a - b);
  const names = distinct(rates.map(({ name }) => name));
  const panels = panelGrid(orders.length, orders.length, 0.03);
  const data: Trace[] = [];
  const axes: Trace = {};
  orders.forEach((moreThan, column) => {
    const panel = panels[column];
    axes[panel.xaxis] = axis('share of sentences (%)', { domain: panel.xDomain, anchor: panel.y, range: [-3, 103], tickvals: [0, 25, 50, 75, 100] });
    axes[panel.yaxis] = rowAxis(names, panel, column === 0);
    for (const group of groups) {
      const some = rates.filter((rate) => rate.kind === group.kind && (rate.source ?? 'ours') === group.source);
      const here = some.filter((rate) => rate.moreThan === moreThan);
      if (here.length === 0) continue;
      data.push({
        type: 'scatter', mode: 'markers', name: group.name, legendgroup: group.name, showlegend: moreThan === some[0].moreThan,
        x: here.map(({ mean }) => percent(mean)), y: here.map(({ name }) => names.indexOf(name)), xaxis: panel.x, yaxis: panel.y,
        error_x: errorBars(here, group.style.colour, 100), marker: marker(group.style, group.source, 9),
      });
    }
  });
  const annotations = orders.map((moreThan, column) => panelTitle(panels[column], `more than ${moreThan} similar`));
  return frame(data, { ...axes, annotations }, { ...text, width: 980, plotHeight: 40 + names.length * 24, left: rowMargin(names), header: 22 });
}
