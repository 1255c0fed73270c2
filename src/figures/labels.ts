/** Where the names of marks go, so that neither marks nor names lie on each other. */

export type TextPosition = 'middle left' | 'middle right' | 'top left' | 'top right' | 'bottom left' | 'bottom right' | 'top center' | 'bottom center';

/** A mark with its name; the bar is an upright error bar through it. Pixels, y downwards. */
export interface NamedMark {
  x: number;
  y: number;
  barTop: number;
  barBottom: number;
  name: string;
}

interface Box {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

const letter = { width: 6.6, height: 13 };
const gap = 8; // from the middle of a mark to its name
const positions: readonly TextPosition[] = ['middle left', 'middle right', 'top left', 'top right', 'bottom left', 'bottom right', 'top center', 'bottom center'];

function nameBox({ x, y, name }: NamedMark, position: TextPosition): Box {
  const [upright, aside] = position.split(' ');
  const width = letter.width * name.length;
  const left = aside === 'left' ? x - gap - width : aside === 'right' ? x + gap : x - width / 2;
  const top = upright === 'top' ? y - gap - letter.height : upright === 'bottom' ? y + gap : y - letter.height / 2;
  return { left, right: left + width, top, bottom: top + letter.height };
}

function overlap(a: Box, b: Box): number {
  return Math.max(0, Math.min(a.right, b.right) - Math.max(a.left, b.left)) * Math.max(0, Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top));
}

/** One position for each mark, chosen in order: the first that covers least of marks, bars and names already placed. */
export function placeNames(marks: readonly NamedMark[]): TextPosition[] {
  const taken: Box[] = marks.flatMap(({ x, y, barTop, barBottom }) => [
    { left: x - 5, right: x + 5, top: y - 5, bottom: y + 5 },
    { left: x - 3, right: x + 3, top: barTop, bottom: barBottom },
  ]);
  return marks.map((mark) => {
    const covered = positions.map((position) => taken.reduce((sum, box) => sum + overlap(nameBox(mark, position), box), 0));
    const best = positions[covered.indexOf(Math.min(...covered))];
    taken.push(nameBox(mark, best));
    return best;
  });
}
