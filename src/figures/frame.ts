/** Title, legend, panels and note around a plot: every distance is computed, so nothing covers anything. */
import { fontFamily, textWidth } from './dom/fonts.js';
import type { Figure } from './figure.js';
import { ink, sizes, type Trace } from './theme.js';

/** What stands around a plot, and its measures. */
export interface FrameOptions {
  /** The finding, in a sentence. */
  title: string;
  /** What is shown: task, model, sample sizes. */
  subtitle?: string;
  /** How it was measured and what to beware of, under the plot. */
  note?: string;
  /** Pixels of the whole figure, and of the plotting area in height. */
  width?: number;
  plotHeight?: number;
  /** Room for tick labels and axis titles, in pixels. */
  left?: number;
  right?: number;
  bottom?: number;
  /** Room for panel titles above the plot, in pixels. */
  header?: number;
  /** False where direct labels name the series. */
  legend?: boolean;
}

const edge = 16;
const lineHeight = 1.3;
const legendRow = 20;

/** Breaks a text into lines no wider than `width` pixels, as <br>; the author's own <br> stay. */
export function wrapText(text: string, width: number, fontSize: number, bold = false): string {
  const wrapLine = (line: string): string => {
    const lines: string[] = [];
    for (const word of line.split(' ')) {
      const longer = lines.length > 0 ? `${lines[lines.length - 1]} ${word}` : word;
      const fits = textWidth(longer.replace(/<[^>]*>/g, ''), bold) * fontSize <= width;
      if (fits && lines.length > 0) lines[lines.length - 1] = longer;
      else lines.push(word);
    }
    return lines.join('<br>');
  };
  return text.split('<br>').map(wrapLine).join('<br>');
}

const lineCount = (text: string): number => (text === '' ? 0 : text.split('<br>').length);

/** Widest of these labels in pixels: the left margin that a category axis needs. */
export function labelWidth(labels: string[], fontSize: number = sizes.tick): number {
  const lines = labels.flatMap((label) => label.split('<br>'));
  return Math.max(0, ...lines.map((line) => textWidth(line.replace(/<[^>]*>/g, '')) * fontSize));
}

/** Rows of plotly's horizontal legend: one if all entries fit, else columns as wide as the widest entry. */
function legendRows(names: string[], width: number): number {
  if (names.length === 0) return 0;
  const entry = (name: string) => textWidth(name) * sizes.legend + 45;
  const widths = names.map(entry);
  if (widths.reduce((a, b) => a + b, 0) <= width) return 1;
  const columns = Math.max(1, Math.floor(width / Math.max(...widths)));
  return Math.ceil(names.length / columns);
}

/** Traces and axes set into a titled page; axes are given under their plotly names (`xaxis`, `yaxis2`, …). */
export function frame(data: Trace[], axes: Trace, options: FrameOptions): Figure {
  const { width = 860, plotHeight = 340, left = 66, right = 24, bottom = 52, header = 0 } = options;
  const inner = width - 2 * edge;
  const title = wrapText(options.title, inner, sizes.title, true);
  const subtitle = wrapText(options.subtitle ?? '', inner, sizes.subtitle);
  const note = wrapText(options.note ?? '', inner, sizes.note);
  const names = data.filter((trace) => trace.showlegend !== false && trace.name).map((trace) => String(trace.name));
  const rows = options.legend === false ? 0 : legendRows(names, inner);

  const titleBottom = edge + lineCount(title) * sizes.title * lineHeight + 4;
  const subtitleBottom = titleBottom + lineCount(subtitle) * sizes.subtitle * lineHeight + 6;
  const top = Math.round(subtitleBottom + (rows > 0 ? rows * legendRow + 8 : 0) + header + 8);
  const noteHeight = lineCount(note) > 0 ? lineCount(note) * sizes.note * lineHeight + 10 : 0;
  const height = Math.round(top + plotHeight + bottom + noteHeight + 8);
  const plotWidth = width - left - right;

  const page = (text: string, y: number, size: number, colour: string): Trace => ({
    text, // left-aligned with the title, y pixels below the page's top edge
    xref: 'paper', yref: 'paper', x: 0, y: 1, xanchor: 'left', yanchor: 'top',
    xshift: edge - left, yshift: top - y, align: 'left', showarrow: false, borderpad: 0,
    font: { size, color: colour },
  });
  const own = (axes.annotations ?? []) as Trace[];
  const annotations = [
    page(`<b>${title.replaceAll('<br>', '</b><br><b>')}</b>`, edge, sizes.title, ink.text),
    ...(subtitle ? [page(subtitle, titleBottom, sizes.subtitle, ink.soft)] : []),
    ...(note ? [page(note, top + plotHeight + bottom, sizes.note, ink.soft)] : []),
    ...own,
  ];
  const defined = (trace: Trace): Trace => Object.fromEntries(Object.entries(trace).filter(([, value]) => value !== undefined));
  return {
    data: data.map(defined),
    layout: {
      width,
      height,
      paper_bgcolor: '#FFFFFF',
      plot_bgcolor: '#FFFFFF',
      font: { family: fontFamily, size: sizes.tick, color: ink.text },
      margin: { l: left, r: right, t: top, b: height - top - plotHeight, autoexpand: false },
      showlegend: rows > 0,
      ...(rows > 0 && {
        legend: {
          orientation: 'h', xref: 'paper', yref: 'paper', xanchor: 'left', yanchor: 'top',
          x: (edge - left - 2) / plotWidth, y: 1 + (top - subtitleBottom) / plotHeight,
          font: { size: sizes.legend }, bgcolor: 'rgba(0,0,0,0)', borderwidth: 0, tracegroupgap: 0,
        },
      }),
      hovermode: 'closest',
      ...axes,
      annotations,
    },
  };
}

/** A place of a grid: plotly's names of its axes, and where they lie, shares of the plotting area. */
export interface Panel {
  /** Plotly's axis ids: 'x', 'y' for the first panel, then 'x2', 'y2', … */
  x: string;
  y: string;
  xaxis: string;
  yaxis: string;
  xDomain: [number, number];
  yDomain: [number, number];
}

/** Domains of a grid of panels, row by row from the top; `gapX` and `gapY` are shares of the plotting area. */
export function panelGrid(count: number, columns: number, gapX: number, gapY = 0): Panel[] {
  const rows = Math.ceil(count / columns);
  const [wide, tall] = [(1 - gapX * (columns - 1)) / columns, (1 - gapY * (rows - 1)) / rows];
  return Array.from({ length: count }, (_, index): Panel => {
    const [row, column] = [Math.floor(index / columns), index % columns];
    const [x0, y1] = [column * (wide + gapX), 1 - row * (tall + gapY)];
    const suffix = index === 0 ? '' : String(index + 1);
    return {
      x: `x${suffix}`, y: `y${suffix}`, xaxis: `xaxis${suffix}`, yaxis: `yaxis${suffix}`,
      xDomain: [x0, Math.min(1, x0 + wide)], yDomain: [Math.max(0, y1 - tall), y1],
    };
  });
}

/** A panel's heading, left-aligned above it. */
export function panelTitle(panel: Panel, text: string): Trace {
  return {
    text: `<b>${text}</b>`, xref: 'paper', yref: 'paper', x: panel.xDomain[0], y: panel.yDomain[1],
    xanchor: 'left', yanchor: 'bottom', yshift: 4, showarrow: false, borderpad: 0,
    font: { size: sizes.axis, color: ink.text },
  };
}
