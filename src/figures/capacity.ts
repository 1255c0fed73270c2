/** What fits into a cache of limited size: the largest batch and its speed against the limit, for each policy. */
import type { Figure } from './figure.js';
import { frame, panelGrid, panelTitle } from './frame.js';
import { checkDrawable, distinct, errorBars, type Estimate, type FigureText } from './parts.js';
import { axis, countAxis, marker, policyStyle, type Trace } from './theme.js';

/** One policy at one limit. */
export interface CapacityRow {
  policy: string;
  /** Megabytes (10⁶) that all caches may hold together. */
  megabytes: number;
  /** Sequences that the engine ran at once, and those that the policy's closed form promises. */
  batch: number;
  promised: number;
  tokensPerSecond: Estimate;
}

/**
 * The largest batch and its speed against the limit. Colour and symbol name the policy; dashes are the closed form, marks
 * what the engine admitted.
 * @throws PathPressError `BAD_OPTION` where there is nothing to draw, or a number is not finite or outside its interval
 */
export function capacityFigure(rows: CapacityRow[], text: FigureText): Figure {
  checkDrawable('capacity', rows.map(({ tokensPerSecond }) => tokensPerSecond), (index) => `${rows[index].policy}, ${rows[index].megabytes} MB`);
  const [left, right] = panelGrid(2, 2, 0.11);
  const limits = distinct(rows.map(({ megabytes }) => megabytes));
  const policies = distinct(rows.map(({ policy }) => policy));
  const data = policies.flatMap((policy, index): Trace[] => {
    const style = policyStyle(policy, index);
    const own = rows.filter((row) => row.policy === policy).sort((a, b) => a.megabytes - b.megabytes);
    const x = own.map(({ megabytes }) => megabytes);
    return [
      { type: 'scatter', mode: 'markers', name: policy, x, y: own.map(({ batch }) => batch), xaxis: left.x, yaxis: left.y, marker: marker(style, 'ours', 9) },
      { type: 'scatter', mode: 'lines', name: `${policy}, closed form`, showlegend: false, x, y: own.map(({ promised }) => promised), xaxis: left.x, yaxis: left.y, line: { color: style.colour, width: 1.4, dash: 'dash' } },
      {
        type: 'scatter', mode: 'lines+markers', name: policy, showlegend: false, x, y: own.map((row) => row.tokensPerSecond.mean), xaxis: right.x, yaxis: right.y,
        error_y: errorBars(own.map((row) => row.tokensPerSecond), style.colour), marker: marker(style, 'ours', 8), line: { color: style.colour, width: 1.6 },
      },
    ];
  });
  const limit = 'limit on all caches together (MB)';
  return frame(
    data,
    {
      [left.xaxis]: countAxis(limit, limits, { domain: left.xDomain, anchor: left.y }),
      [left.yaxis]: axis('sequences at once', { domain: left.yDomain, anchor: left.x, rangemode: 'tozero' }),
      [right.xaxis]: countAxis(limit, limits, { domain: right.xDomain, anchor: right.y }),
      [right.yaxis]: axis('tokens per second', { domain: right.yDomain, anchor: right.x, rangemode: 'tozero' }),
      annotations: [panelTitle(left, 'Largest batch'), panelTitle(right, 'Throughput of that batch')],
    },
    { ...text, width: 900, plotHeight: 320, header: 22 },
  );
}
