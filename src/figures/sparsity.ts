/** n-gram entropy against length, a panel for each n, and under it the share of outputs that get that long. */
import type { Figure } from './figure.js';
import { frame, panelGrid, panelTitle } from './frame.js';
import { checkDrawable, distinct, errorBars, percent, type FigureText, type Point, type Series } from './parts.js';
import { axis, colours, countAxis, marker, modelStylesOf, type Trace } from './theme.js';

/** Entropy at one length. */
export interface EntropyPoint extends Point {
  /** Share of the outputs that have at least x tokens. */
  share?: number;
}

/** One model's n-gram entropies. */
export interface EntropySeries extends Omit<Series, 'points'> {
  n: number;
  /** `x` is the length in tokens, `mean` the entropy in bits. */
  points: EntropyPoint[];
}

const ceilingName = 'ceiling log₂(L − n + 1)';

/**
 * n-gram entropy against length, a panel for each n, and under it the share of outputs that get that long.
 * @param series one for each model and n; a model keeps its style in every panel
 * @param text `note` should say the mode (`matched` or `paper`) and the tokenizer
 * @throws PathPressError `BAD_OPTION` where there is nothing to draw, or a number is not finite or outside its interval
 */
export function sparsityFigure(series: EntropySeries[], text: FigureText): Figure {
  const points = series.flatMap((one) => one.points.map((point) => ({ ...point, of: `${one.name}, n = ${one.n}` })));
  checkDrawable('sparsity', points, (index) => `${points[index].of}, length ${points[index].x}`);
  const orders = distinct(series.map(({ n }) => n)).sort((a, b) => a - b);
  const names = distinct(series.map(({ name }) => name));
  const kinds = names.map((name) => series.find((one) => one.name === name)!.kind);
  const styles = modelStylesOf(kinds);
  const lengths = distinct(points.map(({ x }) => x)).sort((a, b) => a - b);
  const withShares = points.some(({ share }) => share !== undefined);

  const grid = panelGrid(orders.length * 2, orders.length, 0.06);
  const data: Trace[] = [];
  const axes: Trace = {};
  const titles: Trace[] = [];
  orders.forEach((n, column) => {
    const upper = { ...grid[column], yDomain: (withShares ? [0.36, 1] : [0, 1]) as [number, number] };
    const lower = { ...grid[orders.length + column], yDomain: [0, 0.27] as [number, number] };
    const lengthTitle = 'length L (tokens)';
    axes[upper.xaxis] = countAxis(withShares ? '' : lengthTitle, lengths, { domain: upper.xDomain, anchor: upper.y, ...(withShares && { showticklabels: false }) });
    axes[upper.yaxis] = axis(column === 0 ? 'entropy (bits)' : '', { domain: upper.yDomain, anchor: upper.x });
    titles.push(panelTitle(upper, `n = ${n}`));
    data.push({
      type: 'scatter', mode: 'lines', name: ceilingName, legendgroup: ceilingName, showlegend: column === 0,
      x: lengths, y: lengths.map((length) => Math.log2(length - n + 1)), xaxis: upper.x, yaxis: upper.y,
      line: { color: colours.grey, width: 1.2, dash: 'dash' },
    });
    if (withShares) {
      axes[lower.xaxis] = countAxis(lengthTitle, lengths, { domain: lower.xDomain, anchor: lower.y });
      axes[lower.yaxis] = axis(column === 0 ? 'reach L (%)' : '', { domain: lower.yDomain, anchor: lower.x, range: [-6, 106], tickvals: [0, 50, 100] });
    }
    for (const one of series.filter((candidate) => candidate.n === n)) {
      const style = styles[names.indexOf(one.name)];
      const paper = one.source === 'paper';
      const sorted = [...one.points].sort((a, b) => a.x - b.x);
      const shared: Trace = {
        type: 'scatter', mode: 'lines+markers', legendgroup: one.name, marker: marker(style, one.source),
        line: { color: style.colour, width: paper ? 1.2 : 1.8, ...(paper && { dash: 'dot' }) },
      };
      const first = series.find((candidate) => candidate.name === one.name) === one;
      data.push({
        ...shared, name: one.name, showlegend: first, x: sorted.map(({ x }) => x), y: sorted.map(({ mean }) => mean),
        xaxis: upper.x, yaxis: upper.y, error_y: errorBars(sorted, style.colour),
      });
      const reach = sorted.filter(({ share }) => share !== undefined);
      if (reach.length > 0) {
        data.push({
          ...shared, name: one.name, showlegend: false, x: reach.map(({ x }) => x), y: reach.map(({ share }) => percent(share!)),
          xaxis: lower.x, yaxis: lower.y, marker: marker(style, one.source, 6),
        });
      }
    }
  });
  return frame(data, { ...axes, annotations: titles }, { ...text, width: 980, plotHeight: withShares ? 430 : 340, header: 22 });
}
