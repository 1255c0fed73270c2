/** Share of the layers that hold a token, by how long ago it was written. */
import type { Figure } from './figure.js';
import { frame, panelGrid, panelTitle } from './frame.js';
import { checkDrawable, distinct, percent, rule, type FigureText } from './parts.js';
import { axis, ink, marker, policyStyle, type Trace } from './theme.js';

/** A bin of ages under a policy. */
export interface AgeShare {
  panel: string;
  policy: string;
  /** Tokens written since, middle of the bin. */
  age: number;
  /** 0 to 1. */
  mean: number;
}

/**
 * A panel a group, a line a policy.
 * @param chance share that every policy holds of all candidates: a dashed line
 * @throws PathPressError `BAD_OPTION` where there is nothing to draw, or a number is not finite
 */
export function retentionAgeFigure(shares: AgeShare[], chance: number, text: FigureText): Figure {
  checkDrawable('retention-age', shares, (index) => `${shares[index].panel}, ${shares[index].policy}, age ${shares[index].age}`);
  const names = distinct(shares.map(({ panel }) => panel));
  const policies = distinct(shares.map(({ policy }) => policy));
  const panels = panelGrid(names.length, names.length, 0.04);
  const data = names.flatMap((name, column) =>
    policies.map((policy, index): Trace => {
      const here = shares.filter((one) => one.panel === name && one.policy === policy).sort((a, b) => a.age - b.age);
      const style = policyStyle(policy, index);
      return {
        type: 'scatter', mode: 'lines+markers', name: policy, legendgroup: policy, showlegend: column === 0, xaxis: panels[column].x, yaxis: panels[column].y,
        x: here.map(({ age }) => age), y: here.map(({ mean }) => percent(mean)), line: { color: style.colour, width: 1.3 }, marker: marker(style, 'ours', 6),
      };
    }),
  );
  const axes = Object.assign({}, ...panels.map((panel, column) => ({
    [panel.xaxis]: axis('tokens written since', { domain: panel.xDomain, anchor: panel.y, rangemode: 'tozero' }),
    [panel.yaxis]: axis(column === 0 ? 'share of layers that hold it (%)' : '', { domain: panel.yDomain, anchor: panel.x, range: [-3, 104] }),
  }))) as Trace;
  return frame(data, { ...axes, shapes: panels.map((panel) => rule(panel, { y: percent(chance) }, ink.axis)), annotations: panels.map((panel, column) => panelTitle(panel, names[column])) }, {
    ...text, width: 980, plotHeight: 290, header: 22,
  });
}
