/** What each policy loses against the full cache, ours beside what a paper reports of other models. */
import type { Figure } from './figure.js';
import { frame, panelGrid } from './frame.js';
import { checkDrawable, distinct, dodge, errorBars, percent, rowAxis, rowMargin, rule, type Estimate, type FigureText } from './parts.js';
import { axis, colours, marker, type Style, type Trace } from './theme.js';

/** Accuracy of a policy less that of the full cache on the same problems. */
export interface RivalLoss extends Estimate {
  /** A policy and what was done with the prompt. */
  row: string;
  /** A task of ours, or a benchmark and model of the paper's. */
  series: string;
  source: 'ours' | 'paper';
}

const ours: Style[] = [{ colour: colours.blue, symbol: 'circle' }, { colour: colours.orange, symbol: 'square' }, { colour: colours.green, symbol: 'diamond' }];
const theirs: Style[] = ['circle', 'square', 'diamond', 'cross', 'x', 'star'].map((symbol) => ({ colour: colours.grey, symbol }));

/**
 * Rows from the top in order of appearance, marks of a row above each other; the paper's are open.
 * @param losses differences of shares, -1 to 1
 * @throws PathPressError `BAD_OPTION` where there is nothing to draw, or a number is not finite or outside its interval
 */
export function rivalLossFigure(losses: RivalLoss[], text: FigureText): Figure {
  checkDrawable('rival-loss', losses, (index) => `${losses[index].row}, ${losses[index].series}`);
  const rows = distinct(losses.map(({ row }) => row));
  const [panel] = panelGrid(1, 1, 0);
  const seriesOf = (source: RivalLoss['source']) => distinct(losses.filter((loss) => loss.source === source).map(({ series }) => series));
  const place = ({ row, series }: RivalLoss): number => {
    const beside = distinct(losses.filter((loss) => loss.row === row).map((loss) => loss.series));
    return rows.indexOf(row) + dodge(beside.indexOf(series), beside.length);
  };
  const data = (['ours', 'paper'] as const).flatMap((source) =>
    seriesOf(source).map((series, index): Trace => {
      const here = losses.filter((loss) => loss.source === source && loss.series === series);
      const style = (source === 'ours' ? ours : theirs)[index % (source === 'ours' ? ours : theirs).length];
      return {
        type: 'scatter', mode: 'markers', name: series, x: here.map(({ mean }) => percent(mean)), y: here.map(place), xaxis: panel.x, yaxis: panel.y,
        error_x: errorBars(here, style.colour, 100), marker: marker(style, source, source === 'ours' ? 8 : 6),
      };
    }),
  );
  return frame(
    data,
    {
      [panel.xaxis]: axis('pass@1 less the full cache’s (points)', { domain: panel.xDomain, anchor: panel.y }),
      [panel.yaxis]: rowAxis(rows, panel),
      shapes: [rule(panel, { x: 0 }, colours.grey)],
    },
    { ...text, width: 980, plotHeight: 30 + rows.length * 62, left: rowMargin(rows) },
  );
}
