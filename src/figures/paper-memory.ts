/** The paper's peak-memory grid against the memory model: all cells on the diagonal, and each cell's error. */
import { benchmarkModels, benchmarkPeakGigabytes } from '../paper/memory.js';
import type { PaperCell } from '../paper/reported.js';
import type { Figure } from './figure.js';
import { frame, panelGrid, panelTitle } from './frame.js';
import { distinct, labelled, type FigureText } from './parts.js';
import { axis, colours, marker, policyStyle, shortCount, sizes, type Trace } from './theme.js';

/** A cell of the paper's memory grid, and the model's value: decimal gigabytes, null where the paper ran out of memory. */
export interface MemoryCell extends PaperCell {
  reportedGigabytes: number | null;
  modelledGigabytes: number;
}

const promptTokens = 128;

/**
 * The memory model's value (`benchmarkPeakGigabytes`) for each cell of the grid; methods are named as the paper names
 * them ("RPC P=1024").
 * @param grid decimal gigabytes, null where the paper ran out of memory; as `reported().memoryGrid`
 * @throws PathPressError BAD_OPTION for a model that the formula has no numbers of
 */
export function modelMemoryGrid(grid: (PaperCell & { gigabytes: number | null })[]): MemoryCell[] {
  return grid.map(({ gigabytes, ...cell }) => {
    const model = labelled(benchmarkModels, cell.model, 'paper-memory');
    const interval = Number(/P=(\d+)/.exec(cell.method)?.[1]);
    const rpc = interval ? { interval, window: 32, ratio: 4 } : undefined;
    const run = { batch: cell.batch, prompt: promptTokens, length: cell.length, rpc };
    return { ...cell, reportedGigabytes: gigabytes, modelledGigabytes: benchmarkPeakGigabytes(model, run) };
  });
}

/**
 * The paper's peak-memory grid against the memory model: all cells on the diagonal, and each cell's error.
 * @param cells as `modelMemoryGrid` gives them
 */
export function paperMemoryFigure(cells: MemoryCell[], text: FigureText): Figure {
  const [left] = panelGrid(1, 1, 0);
  const scatterPanel = { ...left, xDomain: [0, 0.36] as [number, number] };
  const heatPanel = { x: 'x2', y: 'y2', xaxis: 'xaxis2', yaxis: 'yaxis2', xDomain: [0.6, 1] as [number, number], yDomain: [0, 1] as [number, number] };
  const known = cells.filter((cell): cell is MemoryCell & { reportedGigabytes: number } => cell.reportedGigabytes !== null);
  const models = distinct(cells.map(({ model }) => model));
  const styles = [policyStyle('rpc'), policyStyle('random-redraw')];
  const scatter = models.map((model, index): Trace => {
    const some = known.filter((cell) => cell.model === model);
    return {
      type: 'scatter', mode: 'markers', name: model, x: some.map(({ modelledGigabytes }) => modelledGigabytes),
      y: some.map(({ reportedGigabytes }) => reportedGigabytes), marker: marker(styles[index % styles.length], 'paper', 7),
    };
  });
  const rows = distinct(cells.map(({ model, method }) => `${model} · ${method}`));
  const settings = distinct(cells.map(({ length, batch }) => `${shortCount(length)}, ${batch}`));
  const errorAt = (row: string, setting: string): number | null => {
    const cell = known.find((one) => `${one.model} · ${one.method}` === row && `${shortCount(one.length)}, ${one.batch}` === setting);
    return cell ? cell.modelledGigabytes - cell.reportedGigabytes : null;
  };
  const errors = rows.map((row) => settings.map((setting) => errorAt(row, setting)));
  const heat: Trace = {
    type: 'heatmap', z: errors, x: settings.map((_, i) => i), y: rows.map((_, i) => i), xaxis: 'x2', yaxis: 'y2', zmin: -1.25, zmax: 1.25,
    colorscale: [[0, colours.blue], [0.5, '#FFFFFF'], [1, colours.vermilion]], hoverongaps: false,
    colorbar: { title: { text: 'GB', font: { size: sizes.tick } }, thickness: 12, outlinewidth: 0, tickfont: { size: sizes.tick }, x: 1.015, xanchor: 'left' },
  };
  const blanks = rows.flatMap((_, row) => settings.map((_, column) => [row, column])).filter(([row, column]) => errors[row][column] === null);
  const outOfMemory = blanks.map(([row, column]): Trace => ({
    text: 'OOM', xref: 'x2', yref: 'y2', x: column, y: row, showarrow: false, borderpad: 0, font: { size: 9, color: colours.grey },
  }));
  const values = known.flatMap(({ modelledGigabytes, reportedGigabytes }) => [modelledGigabytes, reportedGigabytes]);
  const range = [Math.log10(Math.min(...values)) - 0.05, Math.log10(Math.max(...values)) + 0.05];
  const ticks = { type: 'log', range, tickmode: 'array', tickvals: [20, 50, 100, 200] };
  return frame(
    [...scatter, heat],
    {
      xaxis: axis('modelled peak (GB)', { ...ticks, domain: scatterPanel.xDomain, anchor: 'y' }),
      yaxis: axis('reported peak (GB)', { ...ticks, domain: scatterPanel.yDomain, anchor: 'x' }),
      xaxis2: axis('output length, batch', {
        domain: heatPanel.xDomain, anchor: 'y2', tickmode: 'array', tickvals: settings.map((_, i) => i), ticktext: settings, tickangle: -60, showgrid: false,
      }),
      yaxis2: axis('', {
        domain: heatPanel.yDomain, anchor: 'x2', autorange: 'reversed', tickmode: 'array', tickvals: rows.map((_, i) => i), ticktext: rows, showgrid: false,
      }),
      shapes: [{ type: 'line', layer: 'below', x0: 10 ** range[0], x1: 10 ** range[1], y0: 10 ** range[0], y1: 10 ** range[1], line: { color: colours.grey, width: 1, dash: 'dash' } }],
      annotations: [panelTitle(scatterPanel, 'reported against modelled'), panelTitle(heatPanel, 'modelled − reported'), ...outOfMemory],
    },
    { ...text, width: 1040, plotHeight: 330, header: 22, right: 76, bottom: 84 },
  );
}
