/** Stretches of a text inside which a full stop or a line break ends no sentence: code and mathematics. */

export type SpanKind = 'block' | 'display' | 'inline';

export interface ProtectedSpan {
  kind: SpanKind;
  start: number;
  /** One past the last character. */
  end: number;
}

/** The longest formula that is believed; an opener without a closer this near is taken as plain text. */
const longestFormula = 4000;

/**
 * Finds fenced code (`block`, to the end of the text where it is never closed), inline code, and LaTeX: `$…$`, `$$…$$`,
 * `\(…\)`, `\[…\]`, `\begin…\end`, `\command{…}`. Spans are in order and do not overlap; time is linear in the text.
 */
export function protectedSpans(text: string): ProtectedSpan[] {
  const find = nextFinder(text);
  const spans: ProtectedSpan[] = [];
  let at = 0;
  while (at < text.length) {
    const span = spanAt(text, at, find);
    if (span) spans.push(span);
    at = span ? span.end : at + plainLength(text, at);
  }
  return spans;
}

type Find = (what: string, from: number) => number;

/** `indexOf` that remembers its answer, so that many openers before one closer cost one search. */
function nextFinder(text: string): Find {
  const known = new Map<string, number>();
  return (what, from) => {
    let at = known.get(what);
    if (at === undefined || at < from) {
      at = text.indexOf(what, from);
      if (at < 0) at = Number.POSITIVE_INFINITY;
      known.set(what, at);
    }
    return at;
  };
}

/** Characters to pass over where no span starts: an escape, a run of ticks or dollars is one thing. */
function plainLength(text: string, at: number): number {
  const first = text[at];
  if (first === '\\') return 2;
  return first === '`' || first === '~' || first === '$' ? runLength(text, at) : 1;
}

function runLength(text: string, at: number): number {
  let end = at + 1;
  while (text[end] === text[at]) end++;
  return end - at;
}

function spanAt(text: string, at: number, find: Find): ProtectedSpan | undefined {
  switch (text[at]) {
    case '`':
      return fence(text, at) ?? inlineCode(text, at, find);
    case '~':
      return fence(text, at);
    case '$':
      return text[at + 1] === '$' ? formula(text, at, '$$', '$$', 'display', find) : dollar(text, at, find);
    case '\\':
      return latex(text, at, find);
    default:
      return undefined;
  }
}

function fence(text: string, at: number): ProtectedSpan | undefined {
  const ticks = runLength(text, at);
  if (ticks < 3 || !opensLine(text, at)) return undefined;
  let line = text.indexOf('\n', at);
  while (line >= 0) {
    let close = line + 1;
    while (text[close] === ' ' || text[close] === '\t') close++;
    if (text[close] === text[at] && runLength(text, close) >= ticks) {
      return { kind: 'block', start: at, end: close + runLength(text, close) };
    }
    line = text.indexOf('\n', line + 1);
  }
  return { kind: 'block', start: at, end: text.length };
}

function opensLine(text: string, at: number): boolean {
  let before = at - 1;
  while (text[before] === ' ' || text[before] === '\t') before--;
  return before < 0 || text[before] === '\n';
}

function inlineCode(text: string, at: number, find: Find): ProtectedSpan | undefined {
  const ticks = runLength(text, at);
  const close = find('`'.repeat(ticks), at + ticks);
  return near(text, at + ticks, close) ? { kind: 'inline', start: at, end: close + ticks } : undefined;
}

/** Whether a closer is there, close by, and in the same paragraph. */
function near(text: string, from: number, close: number): boolean {
  return close - from <= longestFormula && !/\n[ \t]*\n/.test(text.slice(from, close));
}

function formula(
  text: string,
  at: number,
  open: string,
  close: string,
  kind: SpanKind,
  find: Find,
): ProtectedSpan | undefined {
  const inside = at + open.length;
  const end = find(close, inside);
  if (end - inside > longestFormula) return undefined;
  // A second opener before the closer: the first one was never closed.
  if (open !== close && find(open, inside) < end) return undefined;
  if (kind === 'inline' && !near(text, inside, end)) return undefined;
  return { kind, start: at, end: end + close.length };
}

/** `$x$` but not `$5 and $10`: pandoc's rule, and spaced formulas where they look like one. */
function dollar(text: string, at: number, find: Find): ProtectedSpan | undefined {
  let close = find('$', at + 1);
  while (text[close - 1] === '\\') close = find('$', close + 1);
  if (!near(text, at + 1, close) || close === at + 1) return undefined;
  const inside = text.slice(at + 1, close);
  const tight = !/^\s|\s$/.test(inside) && !/\d/.test(text[close + 1] ?? '');
  const spaced = /^ .* $/.test(inside) && /[\\^_={}<>+]/.test(inside);
  return tight || spaced ? { kind: 'inline', start: at, end: close + 1 } : undefined;
}

function latex(text: string, at: number, find: Find): ProtectedSpan | undefined {
  const next = text[at + 1];
  if (next === '[') return formula(text, at, '\\[', '\\]', 'display', find);
  if (next === '(') return formula(text, at, '\\(', '\\)', 'inline', find);
  const command = /^\\([a-zA-Z]{1,30})(?=\{)/.exec(text.slice(at, at + 32));
  if (!command) return undefined;
  if (command[1] === 'begin') {
    const name = /^\{[a-zA-Z*]{1,30}\}/.exec(text.slice(at + 6, at + 40));
    return name ? formula(text, at, `\\begin${name[0]}`, `\\end${name[0]}`, 'display', find) : undefined;
  }
  let end = at + command[0].length;
  while (text[end] === '{') {
    const close = closingBrace(text, end);
    if (close < 0) break;
    end = close + 1;
  }
  return end > at + command[0].length ? { kind: 'inline', start: at, end } : undefined;
}

function closingBrace(text: string, open: number): number {
  let depth = 0;
  const limit = Math.min(text.length, open + longestFormula);
  for (let i = open; i < limit; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '{') depth++;
    else if (text[i] === '}' && --depth === 0) return i;
  }
  return -1;
}
