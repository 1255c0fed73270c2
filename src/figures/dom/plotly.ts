/** Plotly in a DOM without a browser: what jsdom leaves out of SVG and canvas is supplied here. */
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { PathPressError } from '../../engine/errors.js';
import type { Figure } from '../figure.js';
import { Canvas2d } from './canvas.js';
import { localBox, pageBox, type SvgNode } from './boxes.js';
import { pathLength, pointAtLength } from './path.js';

interface Plotly {
  toImage(figure: Figure & { config: object }, options: object): Promise<string>;
  validate(data: unknown, layout: unknown): { code: string; astr: string; msg: string }[] | undefined;
}

interface Stage {
  plotly: Plotly;
  /** Starts the page's random numbers anew, so that ids in the SVG are the same in every run. */
  reseed(): void;
}

let stage: Promise<Stage> | undefined;

/** Park and Miller's generator: plotly draws element ids from Math.random. */
function randomNumbers(): () => number {
  let state = 20250513;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any
function supplyDom(window: any): void {
  const rectangle = (node: SvgNode) => {
    const { x, y, width, height } = pageBox(node);
    return { x, y, width, height, left: x, top: y, right: x + width, bottom: y + height };
  };
  Object.assign(window.SVGElement.prototype, {
    getBBox(this: SvgNode) {
      return localBox(this) ?? { x: 0, y: 0, width: 0, height: 0 };
    },
    getBoundingClientRect(this: SvgNode) {
      return rectangle(this);
    },
    getComputedTextLength(this: SvgNode) {
      return localBox(this)?.width ?? 0;
    },
    getTotalLength(this: SvgNode) {
      return pathLength(this.getAttribute('d') ?? '');
    },
    getPointAtLength(this: SvgNode, length: number) {
      return pointAtLength(this.getAttribute('d') ?? '', length);
    },
  });
  const contexts = new WeakMap<object, Canvas2d>();
  Object.assign(window.HTMLCanvasElement.prototype, {
    getContext(this: { width: number; height: number }, kind: string) {
      if (kind !== '2d') return null;
      if (!contexts.has(this)) contexts.set(this, new Canvas2d(this));
      return contexts.get(this);
    },
    toDataURL(this: object) {
      return `data:image/png;base64,${contexts.get(this)?.toPng().toString('base64') ?? ''}`;
    },
  });
  window.URL.createObjectURL = () => '';
  window.CSS = { supports: () => true }; // heat maps as one pixel a cell, enlarged by the viewer
}

/** Loaded at the first figure only: jsdom and plotly take a second, and most commands draw nothing. */
async function setStage(): Promise<Stage> {
  const { JSDOM, VirtualConsole } = await import('jsdom');
  const { window } = new JSDOM('<!doctype html><body></body>', { runScripts: 'outside-only', virtualConsole: new VirtualConsole() });
  supplyDom(window);
  window.eval(readFileSync(createRequire(import.meta.url).resolve('plotly.js-dist/plotly.js'), 'utf8'));
  const page = window as unknown as { Plotly: Plotly; Math: Math };
  return { plotly: page.Plotly, reseed: () => void (page.Math.random = randomNumbers()) };
}

const load = (): Promise<Stage> => (stage ??= setStage());

/** What a button or slider passes on: any value, which plotly copies and then takes for another one. */
const passedOn = /\bargs\b/;

/** Plotly's own complaints about a figure: unknown attributes, values out of range; not those of attributes left idle. */
export async function plotlyComplaints(figure: Figure): Promise<string[]> {
  const { data, layout } = structuredClone(figure);
  const complaints = (await load()).plotly.validate(data, layout) ?? [];
  return complaints.filter(({ code, astr }) => code !== 'unused' && !(code === 'dynamic' && passedOn.test(astr))).map(({ msg }) => msg);
}

let last: Promise<unknown> = Promise.resolve();

/** SVG text of a figure; one at a time, since ids come from one shared generator. */
export function plotlySvg(figure: Figure): Promise<string> {
  const drawn = last.then(async () => {
    const { plotly, reseed } = await load();
    reseed();
    const { data, layout } = structuredClone(figure);
    try {
      return await plotly.toImage({ data, layout, config: { staticPlot: true } }, { format: 'svg', imageDataOnly: true, width: null, height: null });
    } catch (error) {
      throw new PathPressError('INTERNAL', `plotly could not draw the figure: ${(error as Error).message}`, { cause: error });
    }
  });
  last = drawn.catch(() => undefined);
  return drawn;
}
