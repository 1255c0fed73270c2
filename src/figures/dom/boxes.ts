/**
 * Bounding boxes of SVG elements, which jsdom does not lay out. Plotly decides by them which tick labels fit, how wide
 * margins and legends are, and where annotations go: anchors, line breaks and the transforms of descendants all count.
 */
import { apply, around, compose, corners, identity, parseTransform, transformBox, type Affine, type Box, type Point } from './affine.js';
import { ascent, descent, textWidth } from './fonts.js';
import { pathPoints } from './path.js';

/** What is used of a DOM element, so that no DOM types are needed. */
export interface SvgNode {
  nodeType: number;
  nodeName: string;
  textContent: string | null;
  childNodes: ArrayLike<SvgNode>;
  parentNode: SvgNode | null;
  style?: Record<string, string>;
  getAttribute(name: string): string | null;
}

const elementType = 1;
const number = (node: SvgNode, name: string): number => parseFloat(node.getAttribute(name) ?? '') || 0;
const hidden = (node: SvgNode): boolean => node.style?.display === 'none' || node.getAttribute('display') === 'none';

/** The nearest value of an inherited property, from style or attribute. */
function inherited(node: SvgNode | null, property: string, attribute: string): string | null {
  for (let at = node; at && at.nodeType === elementType; at = at.parentNode) {
    const value = at.style?.[property] || at.getAttribute(attribute);
    if (value) return value;
  }
  return null;
}

function fontSize(node: SvgNode): number {
  const value = inherited(node, 'fontSize', 'font-size') ?? '12px';
  if (!value.endsWith('%')) return parseFloat(value) || 12;
  return (fontSize(node.parentNode as SvgNode) * parseFloat(value)) / 100;
}

function lineWidth(node: SvgNode): number {
  if (node.nodeType !== elementType) {
    const owner = node.parentNode as SvgNode;
    const weight = inherited(owner, 'fontWeight', 'font-weight') ?? 'normal';
    const bold = weight === 'bold' || parseInt(weight, 10) >= 600;
    return textWidth(node.textContent ?? '', bold) * fontSize(owner);
  }
  return Array.from(node.childNodes).reduce((sum, child) => sum + lineWidth(child), 0);
}

function shift(node: SvgNode, size: number): number {
  const dy = node.getAttribute('dy') ?? '0';
  return parseFloat(dy) * (dy.endsWith('em') ? size : 1);
}

/** A text's box: its lines stand one below the other, each hung by the anchor. */
function textBox(text: SvgNode): Box | null {
  const size = fontSize(text);
  const lines = Array.from(text.childNodes).filter((child) => child.nodeName === 'tspan' && child.getAttribute('class') === 'line');
  const anchor = inherited(text, 'textAnchor', 'text-anchor') ?? 'start';
  const hang = anchor === 'middle' ? 0.5 : anchor === 'end' ? 1 : 0;
  const points: Point[] = [];
  for (const line of lines.length > 0 ? lines : [text]) {
    const width = lineWidth(line);
    if (width === 0) continue;
    const own = line === text ? 0 : shift(line, size);
    const left = number(line.getAttribute('x') === null ? text : line, 'x') - hang * width;
    const base = number(line.getAttribute('y') === null ? text : line, 'y') + shift(text, size) + own;
    points.push([left, base - ascent * size], [left + width, base + descent * size]);
  }
  return around(points);
}

/** The box in the element's own coordinates (the DOM's getBBox), null for nothing drawn. */
export function localBox(node: SvgNode): Box | null {
  if (node.nodeType !== elementType || hidden(node)) return null;
  switch (node.nodeName) {
    case 'text':
      return textBox(node);
    case 'tspan':
      return { x: number(node, 'x'), y: number(node, 'y'), width: lineWidth(node), height: fontSize(node) * (ascent + descent) };
    case 'path':
      return around(pathPoints(node.getAttribute('d') ?? ''));
    case 'line':
      return around([[number(node, 'x1'), number(node, 'y1')], [number(node, 'x2'), number(node, 'y2')]]);
    case 'circle': {
      const r = number(node, 'r');
      return { x: number(node, 'cx') - r, y: number(node, 'cy') - r, width: 2 * r, height: 2 * r };
    }
    case 'rect':
    case 'image':
    case 'foreignObject':
      return { x: number(node, 'x'), y: number(node, 'y'), width: number(node, 'width'), height: number(node, 'height') };
    case 'g':
    case 'a':
    case 'svg': {
      const points: Point[] = [];
      for (const child of Array.from(node.childNodes)) {
        const box = localBox(child);
        if (box) points.push(...corners(transformBox(parseTransform(child.getAttribute('transform')), box)));
      }
      return around(points);
    }
    default:
      return null;
  }
}

/** The box on the page (the DOM's getBoundingClientRect): the element's own and all outer transforms applied. */
export function pageBox(node: SvgNode): Box {
  let matrix: Affine = identity;
  for (let at: SvgNode | null = node; at && at.nodeType === elementType; at = at.parentNode) {
    matrix = compose(parseTransform(at.getAttribute('transform')), matrix);
  }
  const box = localBox(node);
  if (box) return transformBox(matrix, box);
  const [x, y] = apply(matrix, [0, 0]);
  return { x, y, width: 0, height: 0 };
}
