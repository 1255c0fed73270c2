/** The share of outputs that see 0, 1, 2, … compressions at each interval P, a panel for each source. */
import type { Figure } from './figure.js';
import { frame, panelGrid, panelTitle } from './frame.js';
import { checkDrawable, distinct, percent, type FigureText } from './parts.js';
import { axis, shortCount, type Trace } from './theme.js';

/** A source's outputs at one interval P, in tokens. */
export interface CompressionShares {
  source: string;
  interval: number;
  /** Share of outputs with 0, 1, 2, … compressions, the last entry for that many or more; sums to 1. */
  shares: number[];
}

/** Light to dark, in even steps of lightness; none is grey, for those that are never compressed. */
const shades = ['#D9D9D9', '#B7DDF2', '#74B9E0', '#3A91C4', '#0B66A0', '#063F66', '#03253D'];

/**
 * The share of outputs that see 0, 1, 2, … compressions at each interval P, a panel for each source.
 * @throws PathPressError `BAD_OPTION` where there is nothing to draw, or a number is not finite or outside its interval
 */
export function compressionsFigure(rows: CompressionShares[], text: FigureText): Figure {
  const cells = rows.flatMap(({ source, interval, shares }) => shares.map((share) => ({ source, interval, share })));
  checkDrawable('compressions', cells.map(({ share }) => ({ mean: share })), (index) => `${cells[index].source}, P = ${cells[index].interval}`);
  const sources = distinct(rows.map(({ source }) => source));
  const intervals = distinct(rows.map(({ interval }) => interval)).sort((a, b) => a - b);
  const most = Math.max(...rows.map(({ shares }) => shares.length));
  const columns = Math.ceil(sources.length / Math.ceil(sources.length / 4)); // at most 4, bands of like length
  const panels = panelGrid(sources.length, columns, 0.035, 0.2);
  const data: Trace[] = [];
  const axes: Trace = { barmode: 'stack', bargap: 0.25 };
  sources.forEach((source, index) => {
    const panel = panels[index];
    axes[panel.xaxis] = axis('interval P (tokens)', {
      domain: panel.xDomain, anchor: panel.y, tickmode: 'array', tickvals: intervals.map((_, i) => i), ticktext: intervals.map(shortCount), showgrid: false,
    });
    axes[panel.yaxis] = axis(index % columns === 0 ? 'outputs (%)' : '', {
      domain: panel.yDomain, anchor: panel.x, range: [0, 100], showticklabels: index % columns === 0,
    });
    for (let count = 0; count < most; count++) {
      const here = intervals.map((interval) => rows.find((row) => row.source === source && row.interval === interval)?.shares[count] ?? 0);
      const name = `${count}${count === 0 ? ' compressions' : count === most - 1 ? ' or more' : ''}`;
      data.push({
        type: 'bar', name, legendgroup: name, showlegend: index === 0, x: intervals.map((_, i) => i), y: here.map(percent),
        xaxis: panel.x, yaxis: panel.y, marker: { color: shades[Math.min(count, shades.length - 1)] },
      });
    }
  });
  const annotations = sources.map((source, index) => panelTitle(panels[index], source));
  const bands = Math.ceil(sources.length / columns);
  return frame(data, { ...axes, annotations }, { ...text, width: 980, plotHeight: bands === 1 ? 280 : 210 * bands + 40, header: 22 });
}
