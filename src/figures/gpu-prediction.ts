/** The paper's throughput grid: what is predicted of this engine as lines, what was measured as marks. */
import type { GridPrediction } from '../predict/paper-grid.js';
import type { Figure } from './figure.js';
import { frame, panelGrid, panelTitle } from './frame.js';
import { checkDrawable, distinct, dodge, type FigureText } from './parts.js';
import { colours, countAxis, logAxis, marker, policyStyle, type Style, type Trace } from './theme.js';

const dashes = ['solid', 'dash', 'dot'];

/** The paper's methods; RPC's usual colour is that of its longest interval. */
function methodStyle(method: string): Style {
  if (method.startsWith('Full')) return policyStyle('full');
  return method === 'RPC P=1024' ? { colour: colours.sky, symbol: 'diamond' } : policyStyle('rpc');
}

/** Crossed from the second GPU on: methods have the colours and shapes. */
const measuredMark = (style: Style, device: number): Trace =>
  device === 0 ? marker(style, 'ours', 7) : { ...marker({ ...style, symbol: `${style.symbol}-x` }, 'ours', 9), line: { width: 1.3, color: '#FFFFFF' } };

/**
 * Tokens a second against output length, a panel for each model and batch. Lines are predictions, dashes name the GPU; open
 * marks are the paper's own measurements, filled ones this engine's, where a record has them, crossed on the second GPU.
 * Marks of one length stand beside each other, in order of methods.
 * @param cells as `predictThroughputGrid` gives them; the paper's number is drawn once, whatever GPUs are predicted
 * @throws PathPressError `BAD_OPTION` where there is nothing to draw, or a number is not finite
 */
export function gpuPredictionFigure(cells: GridPrediction[], text: FigureText): Figure {
  const known = cells.filter((cell): cell is GridPrediction & { predicted: number } => cell.predicted !== null);
  checkDrawable('gpu-prediction', known.map(({ predicted }) => ({ mean: predicted })), (i) => `${known[i].method}, ${known[i].length} tokens`);
  const [models, methods, devices] = (['model', 'method', 'device'] as const).map((key) => distinct(cells.map((cell) => cell[key])));
  const [batches, lengths] = (['batch', 'length'] as const).map((key) => distinct(cells.map((cell) => cell[key])));
  const panels = panelGrid(models.length * batches.length, batches.length, 0.06, 0.17);
  const data: Trace[] = [];
  const axes: Trace = {};
  const annotations: Trace[] = [];
  const named = new Set<string>();
  models.forEach((model, row) => {
    const own = cells.filter((cell) => cell.model === model);
    const values = own.flatMap(({ predicted, reported, measured }) => [predicted, reported, measured]).filter((value) => value != null);
    batches.forEach((batch, column) => {
      const panel = panels[row * batches.length + column]!;
      axes[panel.xaxis] = countAxis(row === models.length - 1 ? 'output length (tokens)' : '', lengths, { domain: panel.xDomain, anchor: panel.y });
      axes[panel.yaxis] = logAxis(column === 0 ? 'tokens per second' : '', values, { domain: panel.yDomain, anchor: panel.x });
      const { gpus } = own[0]!;
      annotations.push(panelTitle(panel, `${model}${gpus > 1 ? ` on ${gpus} GPUs (ideal)` : ''}, batch ${batch}`));
      const draw = (name: string, some: GridPrediction[], y: (cell: GridPrediction) => number | null | undefined, look: Trace, shift = 1): void => {
        const there = some.filter((cell) => cell.batch === batch && y(cell) != null).sort((a, b) => a.length - b.length);
        if (there.length === 0) return;
        data.push({
          type: 'scatter', name, legendgroup: name, showlegend: !named.has(name), x: there.map(({ length }) => shift * length), y: there.map((cell) => y(cell)!), xaxis: panel.x, yaxis: panel.y, ...look,
        });
        named.add(name);
      };
      methods.forEach((method, m) => {
        const style = methodStyle(method);
        const shift = 2 ** dodge(m, methods.length, 0.26);
        const mine = own.filter((cell) => cell.method === method);
        const on = (device: string) => mine.filter((cell) => cell.device === device);
        devices.forEach((device, d) => {
          draw(`${method}, predicted on ${device}`, on(device), ({ predicted }) => predicted, { mode: 'lines', line: { color: style.colour, width: 1.6, dash: dashes[d % dashes.length] } });
        });
        draw(`${method}, the paper on H100`, on(devices[0]!), ({ reported }) => reported, { mode: 'markers', marker: marker(style, 'paper', 5) }, shift);
        devices.forEach((device, d) => {
          draw(`${method}, measured on ${device}`, on(device), ({ measured }) => measured, { mode: 'markers', marker: measuredMark(style, d) }, shift);
        });
      });
    });
  });
  return frame(data, { ...axes, annotations }, { ...text, width: 1040, plotHeight: 560, header: 22 });
}
