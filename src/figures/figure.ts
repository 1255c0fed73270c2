/** A figure as data: what every spec builder gives and every exporter takes. */
import { PathPressError } from '../engine/errors.js';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json | undefined };

/** A plotly figure: `data` are the traces, `layout` must give `width` and `height` in CSS pixels. */
export interface Figure {
  data: { [key: string]: Json | undefined }[];
  layout: { [key: string]: Json | undefined };
}

/** Trace types that draw to plain SVG; the others need WebGL, a map or the network, and hang or come out blank here. */
const drawable: ReadonlySet<string> = new Set([
  'scatter', 'bar', 'box', 'violin', 'histogram', 'histogram2d', 'histogram2dcontour', 'heatmap', 'contour', 'pie',
  'waterfall', 'funnel', 'scatterpolar', 'barpolar', 'table',
]);
const drawableSubplots = /^(?!(scene|geo|map|mapbox)\d*$)/;

/**
 * Refuses what cannot be drawn without a browser.
 * @throws PathPressError `BAD_OPTION` naming the trace or subplot, or the missing width or height.
 */
export function checkFigure(figure: Figure): void {
  figure.data.forEach((trace, index) => {
    const type = trace.type ?? 'scatter';
    if (typeof type !== 'string' || !drawable.has(type)) {
      throw new PathPressError(
        'BAD_OPTION',
        `trace ${index} has type "${String(type)}", which cannot be drawn without a browser; types that can: ${[...drawable].join(', ')}`,
      );
    }
  });
  for (const key of Object.keys(figure.layout)) {
    if (!drawableSubplots.test(key)) {
      throw new PathPressError('BAD_OPTION', `layout.${key}: 3D, geo and map subplots cannot be drawn without a browser`);
    }
  }
  for (const side of ['width', 'height']) {
    const value = figure.layout[side];
    if (typeof value !== 'number' || !(value > 0)) {
      throw new PathPressError('BAD_OPTION', `layout.${side} must be a positive number of pixels, got ${String(value)}`);
    }
  }
}
