/** What evicting costs a token, by how long ago the same token was last there: a panel a kind of text. */
import type { Figure } from './figure.js';
import { frame, panelGrid, panelTitle } from './frame.js';
import { checkDrawable, distinct, dodge, errorBars, rule, type Estimate, type FigureText } from './parts.js';
import { axis, ink, marker, policyStyle, sizes, type Trace } from './theme.js';

/** A mean over the tokens of one bin, in nats. */
export interface ReplayLoss extends Estimate {
  /** Name of the panel: "reasoning". */
  panel: string;
  /** Name of the bin: "33–128". */
  bin: string;
  /** An arm, or a difference of two. */
  arm: string;
  /** Tokens behind the mean. */
  tokens: number;
}

/**
 * Bins and arms in order of appearance; under each bin its tokens, which the arms of a panel share.
 * @param quantity name and unit of the mean, as "excess loss (nats a token)"
 * @throws PathPressError `BAD_OPTION` where there is nothing to draw, or a number is not finite or outside its interval
 */
export function replayLossFigure(losses: ReplayLoss[], quantity: string, text: FigureText): Figure {
  checkDrawable('replay-loss', losses, (index) => `${losses[index].panel}, ${losses[index].bin}, ${losses[index].arm}`);
  const names = distinct(losses.map(({ panel }) => panel));
  const bins = distinct(losses.map(({ bin }) => bin));
  const arms = distinct(losses.map(({ arm }) => arm));
  const panels = panelGrid(names.length, names.length, 0.06);
  const ends = losses.flatMap(({ mean, low = mean, high = mean }) => [low, high]);
  const [least, most] = [Math.min(0, ...ends), Math.max(0, ...ends)];
  const room = 0.06 * (most - least || 1);
  const data: Trace[] = [];
  const axes: Trace = {};
  panels.forEach((panel, index) => {
    const here = losses.filter((loss) => loss.panel === names[index]);
    const tokens = (bin: string) => here.find((loss) => loss.bin === bin)?.tokens ?? 0;
    axes[panel.xaxis] = axis('tokens since the same token was last there', {
      domain: panel.xDomain,
      anchor: panel.y,
      range: [-0.5, bins.length - 0.5],
      tickmode: 'array',
      tickvals: bins.map((_, i) => i),
      ticktext: bins.map((bin) => `${bin}<br>n = ${tokens(bin).toLocaleString('en-US')}`),
      tickangle: 0,
      showgrid: false,
      tickfont: { size: sizes.note - 1, color: ink.text },
    });
    const range = [least - room, most + room];
    axes[panel.yaxis] = axis(index === 0 ? quantity : '', { domain: panel.yDomain, anchor: panel.x, range });
    arms.forEach((arm, number) => {
      const style = policyStyle(arm, number);
      const marks = here.filter((loss) => loss.arm === arm);
      data.push({
        type: 'scatter', mode: 'markers', name: arm, legendgroup: arm, showlegend: index === 0,
        x: marks.map(({ bin }) => bins.indexOf(bin) + dodge(number, arms.length, 0.6)), y: marks.map(({ mean }) => mean),
        xaxis: panel.x, yaxis: panel.y,
        error_y: errorBars(marks, style.colour), marker: marker(style, 'ours', 8),
      });
    });
  });
  return frame(
    data,
    {
      ...axes,
      shapes: panels.map((panel) => rule(panel, { y: 0 }, ink.soft)),
      annotations: panels.map((panel, i) => panelTitle(panel, names[i])),
    },
    { ...text, width: 1080, plotHeight: 340, header: 22, bottom: 66 },
  );
}
