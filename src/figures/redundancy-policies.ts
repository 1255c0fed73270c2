/** Redundancy rate of one model's outputs under each cache policy, with the controls that a fair reading needs. */
import type { Figure } from './figure.js';
import { frame, panelGrid } from './frame.js';
import { checkDrawable, distinct, dodge, errorBars, percent, type Estimate, type FigureText } from './parts.js';
import { axis, faded, marker, policyStyle, type Trace } from './theme.js';

/** rate(N) under one policy. */
export interface PolicyRedundancy extends Estimate {
  /** `full`, `rpc`, `recency`, `random-persistent`, `random-redraw`, … */
  policy: string;
  moreThan: number;
}

/**
 * Redundancy rate of one model's outputs under each cache policy, with the controls that a fair reading needs.
 * @param rates shares from 0 to 1
 * @param paper the paper's rates for `full` and `rpc`, open marks on the bars; only where MiniLM made ours
 * @throws PathPressError `BAD_OPTION` where there is nothing to draw, or a number is not finite or outside its interval
 */
export function redundancyPoliciesFigure(rates: PolicyRedundancy[], text: FigureText, paper: PolicyRedundancy[] = []): Figure {
  checkDrawable('redundancy-policies', [...rates, ...paper], (index) => `${[...rates, ...paper][index].policy}`);
  const orders = distinct(rates.map(({ moreThan }) => moreThan)).sort((a, b) => a - b);
  const policies = distinct(rates.map(({ policy }) => policy));
  const [panel] = panelGrid(1, 1, 0);
  const width = 0.8 / policies.length;
  const place = ({ policy, moreThan }: PolicyRedundancy): number =>
    orders.indexOf(moreThan) + dodge(policies.indexOf(policy), policies.length, 0.8 - width);
  const data = policies.map((policy, index): Trace => {
    const bars = rates.filter((rate) => rate.policy === policy);
    const { colour } = policyStyle(policy, index);
    return {
      type: 'bar', name: policy, x: bars.map(place), y: bars.map(({ mean }) => percent(mean)), width: width * 0.92,
      marker: { color: faded(colour, 0.55), line: { color: colour, width: 1 } }, error_y: errorBars(bars, '#1A1A1A', 100),
    };
  });
  const known = paper.filter(({ policy, moreThan }) => policies.includes(policy) && orders.includes(moreThan));
  if (known.length > 0) {
    data.push({
      type: 'scatter', mode: 'markers', name: 'paper (other models)', x: known.map(place), y: known.map(({ mean }) => percent(mean)),
      marker: marker({ colour: '#882255', symbol: 'diamond' }, 'paper', 9),
    });
  }
  return frame(
    data,
    {
      barmode: 'overlay',
      xaxis: axis('', {
        domain: panel.xDomain, range: [-0.5, orders.length - 0.5], tickmode: 'array', tickvals: orders.map((_, index) => index),
        ticktext: orders.map((n) => `more than ${n} similar`), showgrid: false, ticks: '',
      }),
      yaxis: axis('share of sentences (%)', { domain: panel.yDomain, rangemode: 'tozero' }),
    },
    text,
  );
}
