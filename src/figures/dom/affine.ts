/** SVG transforms and boxes, as far as plotly's output uses them. */

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export type Point = [x: number, y: number];
/** x' = a·x + c·y + e, y' = b·x + d·y + f. */
export type Affine = [a: number, b: number, c: number, d: number, e: number, f: number];

export const identity: Affine = [1, 0, 0, 1, 0, 0];

/** First `inner`, then `outer`. */
export function compose([a, b, c, d, e, f]: Affine, [p, q, r, s, t, u]: Affine): Affine {
  return [a * p + c * q, b * p + d * q, a * r + c * s, b * r + d * s, a * t + c * u + e, b * t + d * u + f];
}

export function apply([a, b, c, d, e, f]: Affine, [x, y]: Point): Point {
  return [a * x + c * y + e, b * x + d * y + f];
}

function single(name: string, v: number[]): Affine {
  switch (name) {
    case 'translate':
      return [1, 0, 0, 1, v[0], v[1] ?? 0];
    case 'scale':
      return [v[0], 0, 0, v[1] ?? v[0], 0, 0];
    case 'rotate': {
      const angle = (v[0] * Math.PI) / 180;
      const [cos, sin, x, y] = [Math.cos(angle), Math.sin(angle), v[1] ?? 0, v[2] ?? 0];
      return [cos, sin, -sin, cos, x - cos * x + sin * y, y - sin * x - cos * y];
    }
    case 'matrix':
      return v as Affine;
    default:
      return identity;
  }
}

export function parseTransform(text: string | null): Affine {
  let total = identity;
  for (const [, name, args] of (text ?? '').matchAll(/(\w+)\s*\(([^)]*)\)/g)) {
    const values = args.split(/[\s,]+/).filter(Boolean).map(Number);
    if (values.length > 0 && values.every(Number.isFinite)) total = compose(total, single(name, values));
  }
  return total;
}

/** The smallest box around the points, null for none. */
export function around(points: Iterable<Point>): Box | null {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of points) {
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  return left > right ? null : { x: left, y: top, width: right - left, height: bottom - top };
}

export function corners({ x, y, width, height }: Box): Point[] {
  return [[x, y], [x + width, y], [x, y + height], [x + width, y + height]];
}

export function transformBox(matrix: Affine, box: Box): Box {
  return around(corners(box).map((corner) => apply(matrix, corner))) as Box;
}
