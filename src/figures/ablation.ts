/** One knob's sweep: accuracy against the knob, and against the bytes that the setting really holds. */
import type { Figure } from './figure.js';
import { frame, panelGrid, panelTitle, type Panel } from './frame.js';
import { placeNames } from './labels.js';
import { checkDrawable, distinct, errorBars, percent, type Estimate, type FigureText } from './parts.js';
import { axis, colours, lineStyles, logAxis, marker, policyStyle, shortCount, sizes, type Trace } from './theme.js';

/** Accuracy at one value of the knob. */
export interface AblationPoint extends Estimate {
  /** The knob's value, drawn in order of appearance. */
  value: number | string;
  /** What else was held, one line for each: "P = 128". */
  line: string;
  /** Mean bytes held over the run, side bytes (query ring, accumulators) included. */
  bytes: number;
}

/** The paper's accuracy at one value of the knob. */
export interface PaperKnob {
  value: number | string;
  line: string;
  /** Share from 0 to 1. */
  mean: number;
}

const plotHeight = 310;
const shares = [-4, 104]; // range of the share axes, percent
const width = 980;

/**
 * One knob's sweep: accuracy against the knob, and against the bytes that the setting really holds.
 * @param points estimates are shares, 0 to 1
 * @param more `reference`, the full cache, is drawn as a mark of its own; `paper` gets a panel beside ours
 * @throws PathPressError `BAD_OPTION` where there is nothing to draw, or a number is not finite or outside its interval
 */
export function ablationFigure(
  knob: string,
  points: AblationPoint[],
  text: FigureText,
  more: { reference?: Estimate & { bytes: number }; paper?: PaperKnob[] } = {},
): Figure {
  checkDrawable('ablation', points, (index) => `${knob} ${points[index].value}, ${points[index].line}`);
  const { reference, paper = [] } = more;
  const panels = panelGrid(paper.length > 0 ? 3 : 2, paper.length > 0 ? 3 : 2, 0.07);
  const [byKnob, byBytes, byPaper] = panels;
  const data: Trace[] = [];
  const values = distinct(points.map(({ value }) => value));
  const mode = values.every((value) => typeof value === 'number') ? 'lines+markers' : 'markers'; // kinds have no between
  const kibibytes = [...points, ...(reference ? [reference] : [])].map(({ bytes }) => bytes / 1024);
  const aside = [Math.min(...kibibytes) / 1.15, Math.max(...kibibytes) * 1.15]; // room for the labels beside the outer marks
  const across = (bytes: number) => (Math.log(bytes / 1024 / aside[0]) / Math.log(aside[1] / aside[0])) * 0.9 * width * (byBytes.xDomain[1] - byBytes.xDomain[0]);
  const down = (share: number) => ((shares[1] - percent(share)) / (shares[1] - shares[0])) * plotHeight;
  const drawn = [...points.map((point) => ({ ...point, name: String(point.value) })), ...(reference ? [{ ...reference, name: '' }] : [])];
  const places = placeNames(drawn.map(({ bytes, mean, low = mean, high = mean, name }) => ({ x: across(bytes), y: down(mean), barTop: down(high), barBottom: down(low), name })));
  const knobAxis = (panel: Panel, shown: (number | string)[]): Trace =>
    axis(knob, {
      domain: panel.xDomain, anchor: panel.y, range: [-0.5, shown.length - 0.5], tickmode: 'array',
      tickvals: shown.map((_, index) => index), ticktext: shown.map((value) => (typeof value === 'number' ? shortCount(value) : value)),
    });
  const lines = distinct(points.map(({ line }) => line));
  lines.forEach((line, index) => {
    const style = lineStyles[index % lineStyles.length];
    const here = points.filter((point) => point.line === line);
    const shared: Trace = {
      type: 'scatter', name: line, legendgroup: line, y: here.map(({ mean }) => percent(mean)), error_y: errorBars(here, style.colour, 100),
      marker: marker(style), line: { color: style.colour, width: 1.4 },
    };
    data.push({ ...shared, mode, x: here.map(({ value }) => values.indexOf(value)), xaxis: byKnob.x, yaxis: byKnob.y });
    data.push({
      ...shared, mode: 'markers+text', showlegend: false, x: here.map(({ bytes }) => bytes / 1024), xaxis: byBytes.x, yaxis: byBytes.y,
      text: here.map(({ value }) => String(value)), textfont: { size: sizes.note, color: style.colour },
      textposition: here.map((point) => places[points.indexOf(point)]), cliponaxis: false,
    });
  });
  if (reference) {
    const style = policyStyle('full');
    const bar = { y: [percent(reference.mean)], error_y: errorBars([reference], style.colour, 100), marker: marker(style) };
    data.push({ type: 'scatter', mode: 'markers', name: 'full cache', x: [reference.bytes / 1024], xaxis: byBytes.x, yaxis: byBytes.y, ...bar });
  }
  const axes: Trace = {
    [byKnob.xaxis]: knobAxis(byKnob, values),
    [byKnob.yaxis]: axis('pass@1 (%)', { domain: byKnob.yDomain, anchor: byKnob.x, range: shares }),
    [byBytes.xaxis]: logAxis('mean bytes held, side bytes included (KiB)', aside, { domain: byBytes.xDomain, anchor: byBytes.y }),
    [byBytes.yaxis]: axis('', { domain: byBytes.yDomain, anchor: byBytes.x, range: shares }),
  };
  const titles = [panelTitle(byKnob, 'against the knob'), panelTitle(byBytes, 'against bytes')];
  if (byPaper) {
    const shown = distinct(paper.map(({ value }) => value)).sort((a, b) => (typeof a === 'number' && typeof b === 'number' ? a - b : 0));
    axes[byPaper.xaxis] = knobAxis(byPaper, shown);
    axes[byPaper.yaxis] = axis('', { domain: byPaper.yDomain, anchor: byPaper.x });
    titles.push(panelTitle(byPaper, 'the paper’s report (other model)'));
    distinct(paper.map(({ line }) => line)).forEach((line, index) => {
      const here = paper.filter((point) => point.line === line);
      const style = { colour: index % 2 === 0 ? colours.grey : '#882255', symbol: lineStyles[index % lineStyles.length].symbol };
      data.push({
        type: 'scatter', mode, name: line, x: here.map(({ value }) => shown.indexOf(value)), y: here.map(({ mean }) => percent(mean)),
        xaxis: byPaper.x, yaxis: byPaper.y, marker: marker(style, 'paper'), line: { color: style.colour, width: 1.2, dash: 'dot' },
      });
    });
  }
  return frame(data, { ...axes, annotations: titles }, { ...text, width, plotHeight, header: 22 });
}
