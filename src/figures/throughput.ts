/** Speed, memory and the time inside compression against output length, for each policy and batch. */
import type { Figure } from './figure.js';
import { frame, panelGrid, panelTitle } from './frame.js';
import { checkDrawable, distinct, errorBars, percent, type Estimate, type FigureText } from './parts.js';
import { axis, countAxis, marker, policyStyle, type Trace } from './theme.js';

/** One measured batch. */
export interface ThroughputRow {
  policy: string;
  batch: number;
  /** Output tokens of each sequence. */
  length: number;
  tokensPerSecond: Estimate;
  /** Bytes of cache blocks held at the worst moment. */
  peakBytes: number;
  /** Share of the decoding time spent compressing, 0 to 1. */
  compressShare: number;
}

const dashes = ['solid', 'dash', 'dot', 'dashdot'];

/**
 * Speed, memory and the time inside compression against output length. Colour and symbol name the policy, dashes the batch.
 * @throws PathPressError `BAD_OPTION` where there is nothing to draw, or a number is not finite or outside its interval
 */
export function throughputFigure(rows: ThroughputRow[], text: FigureText): Figure {
  checkDrawable('throughput', rows.map(({ tokensPerSecond }) => tokensPerSecond), (index) => `${rows[index].policy}, ${rows[index].length} tokens`);
  const metrics = [
    { title: 'Throughput', unit: 'tokens per second', of: (row: ThroughputRow): Estimate => row.tokensPerSecond },
    { title: 'Peak cache', unit: 'MB', of: (row: ThroughputRow): Estimate => ({ mean: row.peakBytes / 1e6 }) },
    { title: 'Time inside compression', unit: '% of decoding', of: (row: ThroughputRow): Estimate => ({ mean: percent(row.compressShare) }) },
  ];
  const policies = distinct(rows.map(({ policy }) => policy));
  const batches = distinct(rows.map(({ batch }) => batch)).sort((a, b) => a - b);
  const lengths = distinct(rows.map(({ length }) => length));
  const panels = panelGrid(metrics.length, metrics.length, 0.075);
  const data: Trace[] = [];
  const axes: Trace = {};
  metrics.forEach(({ unit, of }, column) => {
    const panel = panels[column];
    axes[panel.xaxis] = countAxis('output length (tokens)', lengths, { domain: panel.xDomain, anchor: panel.y });
    axes[panel.yaxis] = axis(unit, { domain: panel.yDomain, anchor: panel.x, rangemode: 'tozero' });
    for (const policy of policies) {
      for (const batch of batches) {
        const line = rows.filter((row) => row.policy === policy && row.batch === batch).sort((a, b) => a.length - b.length);
        if (line.length === 0) continue;
        const style = policyStyle(policy, policies.indexOf(policy));
        data.push({
          type: 'scatter', mode: 'lines+markers', name: `${policy}, batch ${batch}`, legendgroup: `${policy} ${batch}`, showlegend: column === 0,
          x: line.map(({ length }) => length), y: line.map((row) => of(row).mean), xaxis: panel.x, yaxis: panel.y,
          error_y: errorBars(line.map(of), style.colour), marker: marker(style, 'ours', 7),
          line: { color: style.colour, width: 1.6, dash: dashes[batches.indexOf(batch) % dashes.length] },
        });
      }
    }
  });
  const annotations = metrics.map(({ title }, column) => panelTitle(panels[column], title));
  return frame(data, { ...axes, annotations }, { ...text, width: 980, plotHeight: 310, header: 22 });
}
