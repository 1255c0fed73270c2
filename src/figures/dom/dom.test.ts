import { JSDOM } from 'jsdom';
import { Resvg } from '@resvg/resvg-js';
import { describe, expect, it } from 'vitest';
import { apply, compose, parseTransform } from './affine.js';
import { localBox, pageBox, type SvgNode } from './boxes.js';
import { Canvas2d, encodePng, parseColour } from './canvas.js';
import { ascent, descent, fontOptions, textWidth } from './fonts.js';
import { pathLength, pathPoints, pointAtLength } from './path.js';

const close = (a: number[], b: number[]): void => a.forEach((value, i) => expect(value).toBeCloseTo(b[i], 6));

function element(svg: string, selector: string): SvgNode {
  const { document } = new JSDOM(`<svg xmlns="http://www.w3.org/2000/svg">${svg}</svg>`, { contentType: 'image/svg+xml' }).window;
  return document.querySelector(selector) as unknown as SvgNode;
}

describe('transforms', () => {
  it('turn about a point, move and scale, the rightmost first', () => {
    close(apply(parseTransform('rotate(90, 10, 0)'), [11, 0]), [10, 1]);
    close(apply(parseTransform('translate(5,7) scale(2)'), [1, 1]), [7, 9]);
    close(apply(compose(parseTransform('translate(1 2)'), parseTransform('matrix(0,1,-1,0,0,0)')), [3, 4]), [-3, 5]);
    close(apply(parseTransform(null), [3, 4]), [3, 4]);
  });
});

describe('paths', () => {
  it('are measured along absolute, relative, level and upright pieces', () => {
    expect(pathPoints('M1,1h2v3l-2-3Z')).toEqual([[1, 1], [3, 1], [3, 4], [1, 1], [1, 1]]);
    expect(pathLength('M0,0L3,4H6')).toBe(8);
    expect(pointAtLength('M0,0L3,4H6', 6)).toEqual({ x: 4, y: 4 });
    expect(pointAtLength('M0,0L3,4H6', 99)).toEqual({ x: 6, y: 4 });
  });

  it('come within 1 % of a quarter circle drawn as a curve', () => {
    const k = 0.5522847498; // the usual approximation of a circle by a cubic
    expect(pathLength(`M1,0C1,${k} ${k},1 0,1`) / (Math.PI / 2)).toBeCloseTo(1, 2);
  });
});

describe('boxes', () => {
  const words = '<text x="100" y="50" text-anchor="ANCHOR" style="font-size: 20px">wide words</text>';

  it.each([['start', 100], ['middle', 100 - 10 * textWidth('wide words')], ['end', 100 - 20 * textWidth('wide words')]])('of text hang by the anchor: %s', (anchor, left) => {
    const box = localBox(element(words.replace('ANCHOR', anchor), 'text'))!;
    close([box.x, box.y, box.width, box.height], [left, 50 - 20 * ascent, 20 * textWidth('wide words'), 20 * (ascent + descent)]);
  });

  it('of lines stand below each other, and follow the transforms around them', () => {
    const lines = '<g transform="translate(10,20)"><g transform="rotate(90)"><text x="0" y="0" style="font-size: 10px"><tspan class="line" x="0" y="0" dy="0em">a</tspan><tspan class="line" x="0" y="0" dy="1.3em">b</tspan></text></g></g>';
    const box = pageBox(element(lines, 'text'));
    expect(box.width).toBeCloseTo(10 * (1.3 + ascent + descent), 6);
    expect(box.x + box.width).toBeCloseTo(10 + 10 * ascent, 6);
    expect(box.y).toBeCloseTo(20, 6);
  });

  it('leave out what is hidden', () => {
    const group = element('<g><rect x="1" y="2" width="3" height="4"/><rect width="99" height="99" style="display: none"/></g>', 'g');
    expect(localBox(group)).toEqual({ x: 1, y: 2, width: 3, height: 4 });
    expect(localBox(element('<g/>', 'g'))).toBeNull();
  });

  it('agree with the picture: the ink of a drawn text fills its measured width', () => {
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="900" height="60"><text y="40" font-size="30" font-family="DejaVu Sans Condensed">HnH kerned AVAT Wo.</text></svg>`;
    const ink = new Resvg(svg, { font: fontOptions }).getBBox()!.width;
    expect(textWidth('HnH kerned AVAT Wo.') * 30).toBeGreaterThan(ink);
    expect(textWidth('HnH kerned AVAT Wo.') * 30).toBeLessThan(ink + 9);
    expect(textWidth('a  b')).toBeGreaterThan(textWidth('a b'));
    expect(textWidth('bold', true)).toBeGreaterThan(textWidth('bold'));
  });
});

describe('canvas', () => {
  it('makes PNGs that another decoder reads back', () => {
    const pixels = new Uint8ClampedArray([255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255, 10, 20, 30, 255]);
    const data = encodePng(2, 2, pixels).toString('base64');
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="2" height="2"><image width="2" height="2" image-rendering="optimizeSpeed" href="data:image/png;base64,${data}"/></svg>`;
    expect(Array.from(new Resvg(svg).render().pixels)).toEqual(Array.from(pixels));
  });

  it('fills rectangles within its edges and gives pixels back', () => {
    const canvas = new Canvas2d({ width: 3, height: 2 });
    canvas.fillStyle = 'rgba(9,8,7,1)';
    canvas.fillRect(1, -5, 99, 6);
    expect(Array.from(canvas.getImageData(0, 0, 2, 2).data)).toEqual([0, 0, 0, 0, 9, 8, 7, 255, 0, 0, 0, 0, 0, 0, 0, 0]);
    canvas.putImageData({ width: 1, height: 1, data: new Uint8ClampedArray([1, 2, 3, 4]) }, 2, 1);
    expect(Array.from(canvas.getImageData(2, 1, 1, 1).data)).toEqual([1, 2, 3, 4]);
    expect(parseColour('#0A141E')).toEqual([10, 20, 30, 255]);
  });
});
