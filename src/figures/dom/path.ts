/** SVG path data as polylines: enough for boxes, lengths and points along plotly's lines. */
import type { Point } from './affine.js';

/** How many numbers each command takes; curves are walked in straight pieces, arcs by their end points. */
const arity: Record<string, number> = { m: 2, l: 2, h: 1, v: 1, c: 6, s: 4, q: 4, t: 2, a: 7, z: 0 };
const pieces = 8;

function bezier(points: Point[]): Point[] {
  const walked: Point[] = [];
  for (let i = 1; i <= pieces; i++) {
    let level = points;
    while (level.length > 1) {
      level = level.slice(1).map(([x, y], k): Point => {
        const [fromX, fromY] = level[k];
        return [fromX + ((x - fromX) * i) / pieces, fromY + ((y - fromY) * i) / pieces];
      });
    }
    walked.push(level[0]);
  }
  return walked;
}

/** All points of a path in order, subpaths joined (plotly measures only single-subpath lines). */
export function pathPoints(d: string): Point[] {
  const points: Point[] = [];
  let [x, y] = [0, 0];
  let start: Point = [0, 0];
  for (const [, letter, args] of d.matchAll(/([mlhvcsqtaz])([^mlhvcsqtaz]*)/gi)) {
    const command = letter.toLowerCase();
    const relative = letter === command;
    const numbers = [...args.matchAll(/[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?/gi)].map(([n]) => Number(n));
    const size = arity[command];
    if (size === 0) {
      [x, y] = start;
      points.push([x, y]);
      continue;
    }
    for (let at = 0; at + size <= numbers.length; at += size) {
      const v = numbers.slice(at, at + size);
      const [baseX, baseY] = relative ? [x, y] : [0, 0];
      if (command === 'h') x = baseX + v[0];
      else if (command === 'v') y = baseY + v[0];
      else {
        const pairs: Point[] = [];
        for (let k = command === 'a' ? 5 : 0; k < size; k += 2) pairs.push([baseX + v[k], baseY + v[k + 1]]);
        if (pairs.length > 1) points.push(...bezier([[x, y], ...pairs]));
        [x, y] = pairs[pairs.length - 1];
      }
      points.push([x, y]);
      if (command === 'm' && at === 0) start = [x, y];
    }
  }
  return points;
}

const distance = ([ax, ay]: Point, [bx, by]: Point): number => Math.hypot(bx - ax, by - ay);

export function pathLength(d: string): number {
  const points = pathPoints(d);
  return points.slice(1).reduce((sum, point, i) => sum + distance(points[i], point), 0);
}

/** The point `length` along the path, clamped to its ends as the DOM does. */
export function pointAtLength(d: string, length: number): { x: number; y: number } {
  const points = pathPoints(d);
  let left = Math.max(0, length);
  for (let i = 1; i < points.length; i++) {
    const step = distance(points[i - 1], points[i]);
    if (left <= step && step > 0) {
      const share = left / step;
      return {
        x: points[i - 1][0] + (points[i][0] - points[i - 1][0]) * share,
        y: points[i - 1][1] + (points[i][1] - points[i - 1][1]) * share,
      };
    }
    left -= step;
  }
  const [x, y] = points[points.length - 1] ?? [0, 0];
  return { x, y };
}
