const token = /[ \t\r\n]*(?:([{}[\],:])|("[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*")|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/y;

type Wanted = 'value' | 'value or end' | 'key' | 'key or end' | 'colon' | 'comma or end';

/** The line, from 1 on, at which a text stops being JSON (the engine's own message names none); that of its end where it is cut short. */
export function jsonErrorLine(text: string): number {
  const open: string[] = []; // brackets to be closed, innermost last
  let wanted: Wanted = 'value';
  token.lastIndex = 0;
  let at = 0; // end of the last token that fits
  for (let found = token.exec(text); found; found = token.exec(text)) {
    const [, mark, word] = found;
    const next = after(mark ?? (word === undefined ? 'other' : 'word'), wanted, open);
    if (next === undefined) break;
    wanted = next;
    at = token.lastIndex;
  }
  const blank = /^[ \t\r\n]*/.exec(text.slice(at))![0].length; // what is wrong begins behind it
  return text.slice(0, at + (at + blank < text.length ? blank : 0)).split('\n').length;
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
