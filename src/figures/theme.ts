/** The one look of every figure: a fixed colour and symbol for each policy and model, whatever the figure shows. */
import type { Json } from './figure.js';

/** Part of a plotly figure: a trace, an axis, a marker. */
export type Trace = { [key: string]: Json | undefined };
export type ModelKind = 'reasoning' | 'non-reasoning';

/** Okabe and Ito's colours, told apart with any colour vision; yellow is left out, being faint on white. */
export const colours = {
  black: '#000000',
  orange: '#E69F00',
  sky: '#56B4E9',
  green: '#009E73',
  blue: '#0072B2',
  vermilion: '#D55E00',
  purple: '#CC79A7',
  grey: '#7F7F7F',
} as const;

export const ink = { text: '#1A1A1A', soft: '#5A5A5A', grid: '#E4E4E4', axis: '#9A9A9A' } as const;
export const sizes = { title: 17, subtitle: 12.5, axis: 12.5, tick: 11.5, legend: 12, note: 11 } as const;

/** What tells a series from others: `#RRGGBB`, and a plotly symbol. */
export interface Style {
  colour: string;
  symbol: string;
}

const policyStyles: Record<string, Style> = {
  full: { colour: colours.black, symbol: 'circle' },
  rpc: { colour: colours.blue, symbol: 'square' },
  'rpc-shuffled': { colour: colours.sky, symbol: 'triangle-right' },
  recency: { colour: colours.orange, symbol: 'triangle-up' },
  'random-persistent': { colour: colours.green, symbol: 'diamond' },
  'random-redraw': { colour: colours.vermilion, symbol: 'triangle-down' },
  h2o: { colour: colours.purple, symbol: 'cross' },
  tova: { colour: '#882255', symbol: 'x' },
  lightthinker: { colour: '#999933', symbol: 'star' },
  streaming: { colour: '#B8860B', symbol: 'triangle-left' },
  'r-kv': { colour: '#332288', symbol: 'hexagon' },
  'snapkv-decode': { colour: '#117733', symbol: 'hourglass' },
  snapkv: { colour: '#117733', symbol: 'bowtie' },
  adakv: { colour: '#661100', symbol: 'bowtie' },
  vase: { colour: '#AA4499', symbol: 'pentagon' },
  raas: { colour: '#3C8D93', symbol: 'octagon' },
  'lazy-eviction': { colour: '#7A5C99', symbol: 'star-diamond' },
  'random-attention': { colour: colours.vermilion, symbol: 'star-square' },
  quest: { colour: colours.grey, symbol: 'circle' },
  lookahead: { colour: '#661100', symbol: 'star' },
  'random-runs-7': { colour: '#44AA99', symbol: 'diamond-tall' },
  'cache-bits': { colour: '#505050', symbol: 'star-triangle-up' },
};
/** For names without a row of their own, in order of appearance. */
const spare: Style[] = [
  { colour: '#332288', symbol: 'hexagon' },
  { colour: '#AA4499', symbol: 'pentagon' },
  { colour: '#117733', symbol: 'hourglass' },
  { colour: '#661100', symbol: 'bowtie' },
];

/** Style of a policy by its name (`full`, `rpc`, `recency`, `random-persistent`, `random-redraw`, …); `index` picks for unknown ones. */
export function policyStyle(name: string, index = 0): Style {
  return policyStyles[name.toLowerCase()] ?? spare[index % spare.length];
}

/** Blues and round symbols think, oranges and triangles do not; shades and symbols tell models of one kind apart. */
const modelStyles: Record<ModelKind, Style[]> = {
  reasoning: [
    { colour: '#0072B2', symbol: 'circle' },
    { colour: '#56B4E9', symbol: 'square' },
    { colour: '#003F66', symbol: 'diamond' },
    { colour: '#3C8D93', symbol: 'hexagon' },
    { colour: '#6A6FB0', symbol: 'pentagon' },
    { colour: '#009E73', symbol: 'octagon' },
  ],
  'non-reasoning': [
    { colour: '#D55E00', symbol: 'triangle-up' },
    { colour: '#E69F00', symbol: 'triangle-down' },
    { colour: '#8C3A00', symbol: 'triangle-right' },
    { colour: '#CC79A7', symbol: 'triangle-left' },
    { colour: '#A6761D', symbol: 'star-triangle-up' },
    { colour: '#B2182B', symbol: 'star-triangle-down' },
  ],
};

/** Style of the `index`-th model of its kind. */
export function modelStyle(kind: ModelKind, index: number): Style {
  const styles = modelStyles[kind];
  return styles[index % styles.length];
}

/** Styles for a list of models in its own order, counted within each kind. */
export function modelStylesOf(kinds: ModelKind[]): Style[] {
  const seen: Record<ModelKind, number> = { reasoning: 0, 'non-reasoning': 0 };
  return kinds.map((kind) => modelStyle(kind, seen[kind]++));
}

/** `#RRGGBB` with an opacity from 0 to 1, as plotly takes it. */
export function faded(colour: string, opacity: number): string {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return `rgba(${r},${g},${b},${opacity})`;
}

/** Styles of lines or marks that are no policies, by their order. */
export const lineStyles: readonly Style[] = [
  { colour: colours.blue, symbol: 'square' },
  { colour: colours.vermilion, symbol: 'triangle-down' },
  { colour: colours.green, symbol: 'diamond' },
  { colour: colours.purple, symbol: 'hexagon' },
];

/** A filled mark for what was measured here; an open one, thicker in line, for what a paper reports. */
export function marker(style: Style, source: 'ours' | 'paper' = 'ours', size = 8): Trace {
  return source === 'paper'
    ? { symbol: `${style.symbol}-open`, color: style.colour, size: size + 2, line: { width: 1.8 } }
    : { symbol: style.symbol, color: style.colour, size, line: { width: 0.8, color: '#FFFFFF' } };
}

/** White background, light grid, ticks outside; `title` names the quantity and its unit. */
export function axis(title: string, more: Trace = {}): Trace {
  return {
    title: { text: title, standoff: 8, font: { size: sizes.axis, color: ink.text } },
    tickfont: { size: sizes.tick, color: ink.text },
    showgrid: true,
    gridcolor: ink.grid,
    zeroline: false,
    showline: true,
    linecolor: ink.axis,
    ticks: 'outside',
    ticklen: 4,
    tickcolor: ink.axis,
    ...more,
  };
}

/** 512, 1k, 2k … for powers of two from 1,024 on, else the number with thousands separated. */
export function shortCount(value: number): string {
  return value >= 1024 && value % 1024 === 0 ? `${value / 1024}k` : value.toLocaleString('en-US');
}

const siUnits: [number, string][] = [[1e9, 'G'], [1e6, 'M'], [1e3, 'k']];

/** A logarithmic axis over positive values of any kind, with ticks at 1, 2 and 5 times powers of ten (at 1 where those crowd). */
export function logAxis(title: string, values: number[], more: Trace = {}): Trace {
  const [low, high] = [Math.log10(Math.min(...values)), Math.log10(Math.max(...values))];
  const room = Math.max(0.05 * (high - low), 0.03);
  const steps = high - low > 2.6 ? [1] : [1, 2, 5];
  const decades = Array.from({ length: Math.ceil(high + room) - Math.floor(low - room) + 1 }, (_, i) => 10 ** (Math.floor(low - room) + i));
  const ticks = decades.flatMap((decade) => steps.map((step) => step * decade));
  const name = (tick: number): string => {
    const [size, unit] = siUnits.find(([one]) => tick >= one) ?? [1, ''];
    return `${Number((tick / size).toPrecision(3))}${unit}`;
  };
  return axis(title, { type: 'log', range: [low - room, high + room], tickmode: 'array', tickvals: ticks, ticktext: ticks.map(name), ...more });
}

/** A logarithmic axis of counts with a tick at each of these values. */
export function countAxis(title: string, values: number[], more: Trace = {}): Trace {
  const ticks = [...new Set(values)].sort((a, b) => a - b);
  const [low, high] = [Math.log10(ticks[0]), Math.log10(ticks[ticks.length - 1])];
  const room = Math.max(0.06 * (high - low), 0.05);
  return axis(title, {
    type: 'log',
    range: [low - room, high + room],
    tickmode: 'array',
    tickvals: ticks,
    ticktext: ticks.map(shortCount),
    ...more,
  });
}
