const token = /[ \t\r\n]*(?:([{}[\],:])|("[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*")|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/y;

type Wanted = 'value' | 'value or end' | 'key' | 'key or end' | 'colon' | 'comma or end';

/** The line, from 1 on, at which a text stops being JSON (the engine's own message names none); that of its end where it is cut short. */
export function jsonErrorLine(text: string): number {
  let at = 0; // end of the last token that fits
  for (const { end } of tokens(text)) at = end;
  const blank = /^[ \t\r\n]*/.exec(text.slice(at))![0].length; // what is wrong begins behind it
  return lineOf(text, at + (at + blank < text.length ? blank : 0));
}

/**
 * The first key of a JSON text whose value would be lost without a word: one that its object has already, of which JSON.parse
 * drops the former, or `__proto__`, which whoever copies an object takes for its prototype.
 */
export function lostKey(text: string): { key: string; line: number; why: string } | undefined {
  const objects: Set<string>[] = []; // keys so far of all that is open, innermost last
  for (const { kind, word, wanted, end } of tokens(text)) {
    if (kind === '{' || kind === '[') objects.push(new Set());
    else if (kind === '}' || kind === ']') objects.pop();
    else if (word !== undefined && wanted.startsWith('key')) {
      const key = JSON.parse(word) as string; // the same key may be written in many ways
      if (key === '__proto__') return { key, line: lineOf(text, end), why: 'names nothing' };
      if (objects.at(-1)!.has(key)) return { key, line: lineOf(text, end), why: 'stands twice in one object' };
      objects.at(-1)!.add(key);
    }
  }
  return undefined;
}

const lineOf = (text: string, at: number): number => text.slice(0, at).split('\n').length;

/** The tokens of a text as far as it is JSON: what was wanted where each stands, and where it ends. */
function* tokens(text: string): Generator<{ kind: string; word: string | undefined; wanted: Wanted; end: number }> {
  const open: string[] = []; // brackets to be closed, innermost last
  let wanted: Wanted = 'value';
  for (let end = 0; ;) {
    token.lastIndex = end;
    const found = token.exec(text);
    if (!found) return;
    const [, mark, word] = found;
    const kind = mark ?? (word === undefined ? 'other' : 'word');
    const next = after(kind, wanted, open);
    if (next === undefined) return;
    end += found[0].length;
    yield { kind, word, wanted, end };
    wanted = next;
  }
}

/** What may follow a token; undefined where the token itself may not stand. */
function after(kind: string, wanted: Wanted, open: string[]): Wanted | undefined {
  const value = wanted === 'value' || wanted === 'value or end';
  const ends = wanted.endsWith('or end');
  switch (kind) {
    case '{':
    case '[':
      if (!value) return undefined;
      open.push(kind === '{' ? '}' : ']');
      return kind === '{' ? 'key or end' : 'value or end';
    case '}':
    case ']':
      return ends && open.pop() === kind ? 'comma or end' : undefined;
    case ',':
      if (wanted !== 'comma or end' || open.length === 0) return undefined;
      return open.at(-1) === '}' ? 'key' : 'value';
    case ':':
      return wanted === 'colon' ? 'value' : undefined;
    case 'word':
      if (wanted === 'key' || wanted === 'key or end') return 'colon';
      return value ? 'comma or end' : undefined;
    default:
      return value ? 'comma or end' : undefined;
  }
}
