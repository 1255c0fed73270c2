/** Figures inside a running notebook. */
import { createRequire } from 'node:module';
import { renderPng, saveFigure } from '../figures/export.js';
import type { Figure } from '../figures/figure.js';
import { packPng } from '../figures/png.js';

type WriteDisplayData = (message: { data: object; metadata: object; transient: object }, update: boolean) => void;

/**
 * tslab's own writer of rich output, null outside a kernel. It is internal, hence the pinned version: tslab's public
 * `display` sends one type a message, and a live figure needs its picture beside it for viewers without plotly.
 */
function displayWriter(): WriteDisplayData | null {
  const loaded = createRequire(import.meta.url).cache;
  // Of two copies, another checkout's kernel and our own package's, only the running one has a writer.
  const copies = Object.keys(loaded).filter((name) => /[\\/]tslab[\\/]dist[\\/]jupyter\.js$/.test(name));
  return copies.map((file) => loaded[file]?.exports.lastWriteDisplayData).find((write) => write) ?? null;
}

/** Shows the figure under the running cell: live in VS Code and JupyterLab with plotly, as a picture elsewhere. Does nothing outside a notebook. */
export async function showFigure(figure: Figure): Promise<void> {
  const write = displayWriter();
  if (!write) return;
  const png = packPng(await renderPng(figure, 1));
  const data = {
    'application/vnd.plotly.v1+json': figure,
    'image/png': png.toString('base64'),
    'text/plain': `figure of ${figure.data.length} traces`,
  };
  write({ data, metadata: {}, transient: {} }, false);
}

/**
 * Saves the figure as `<dir>/<name>.{json,html,svg,png}` and shows it; the folder is relative to the notebook's own.
 * @throws as `saveFigure`
 */
export async function drawFigure(name: string, figure: Figure, dir = '../figures'): Promise<void> {
  await saveFigure(name, figure, dir);
  await showFigure(figure);
}
