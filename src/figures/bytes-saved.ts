/** What compression saves over a whole distribution of output lengths: full cache over kept cache, by interval. */
import type { Figure } from './figure.js';
import { frame, panelGrid } from './frame.js';
import { checkDrawable, errorBars, rule, type FigureText, type Series } from './parts.js';
import { axis, colours, countAxis, marker, modelStylesOf, type Trace } from './theme.js';

/**
 * What compression saves over a whole distribution of output lengths: full cache over kept cache, by interval.
 * @param series `x` is the interval P in tokens, `mean` the factor saved
 * @param quantity what is saved, as "mean bytes, full over RPC"
 * @throws PathPressError `BAD_OPTION` where there is nothing to draw, or a number is not finite or outside its interval
 */
export function bytesSavedFigure(series: Series[], quantity: string, text: FigureText): Figure {
  const points = series.flatMap(({ name, points: own }) => own.map((point) => ({ ...point, name })));
  checkDrawable('bytes-saved', points, (index) => `${points[index].name}, P = ${points[index].x}`);
  const styles = modelStylesOf(series.map(({ kind }) => kind));
  const [panel] = panelGrid(1, 1, 0);
  const data = series.map(({ name, source, points: own }, index): Trace => ({
    type: 'scatter', mode: 'lines+markers', name, x: own.map(({ x }) => x), y: own.map(({ mean }) => mean),
    error_y: errorBars(own, styles[index].colour), marker: marker(styles[index], source), line: { color: styles[index].colour, width: 1.8 },
  }));
  return frame(
    data,
    {
      xaxis: countAxis('interval P (tokens)', points.map(({ x }) => x)),
      yaxis: axis(`${quantity} (times)`),
      shapes: [rule(panel, { y: 1 }, colours.grey)],
    },
    text,
  );
}
