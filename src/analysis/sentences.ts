/**
 * Splits model output into sentences: prose, LaTeX, code, lists, thinking tags, text in lower case with its
 * punctuation set apart, Chinese and Japanese. Written for this project; the redundancy rate (METHODS §5) counts its
 * pieces.
 */
import { protectedSpans, type ProtectedSpan } from './protected-spans.js';
import { endOfStops, endsInStop, endsSentence, stops } from './sentence-ends.js';

/** A sentence's place in the text: characters start … end − 1. */
export interface SentenceSpan {
  start: number;
  end: number;
}

/** Tags that a chat template or a tokenizer puts around text; a boundary, and no part of a sentence. */
const tag =
  /<\/?(?:think|thinking|answer|s|bos|eos|pad|begin_of_thought|end_of_thought)>|<\|[^|<>\n]{1,40}\|>|<｜[^｜<>\n]{1,40}｜>/y;
const listOrHeading = /[ \t]*(?:[-*+•‣–]\s|\d{1,3}[.)]\s|[(]?[a-zA-Z][)]\s|#{1,6}\s|>|\||---|\*\*\*|```|~~~)/y;
/** A line at least this long that stops mid-sentence was wrapped; a shorter one was meant to end there. */
const wrappedLine = 50;

/**
 * The sentences of a text, white space within them made single spaces (fenced code, one sentence a block, is left as it
 * is). Pieces without a letter or digit are dropped. Linear in the length of the text.
 */
export function splitSentences(text: string): string[] {
  return sentenceSpans(text).map(({ start, end }) => {
    const piece = text.slice(start, end);
    return piece.startsWith('```') || piece.startsWith('~~~') ? piece : piece.replace(/\s+/g, ' ');
  });
}

/** As `splitSentences`, as places in the text: in order, apart from each other, not starting or ending in white space. */
export function sentenceSpans(text: string): SentenceSpan[] {
  const spans = protectedSpans(text);
  const sentences: SentenceSpan[] = [];
  let next = 0; // first protected span not yet passed
  let start = 0;
  let at = 0;
  const cut = (end: number, resume: number): void => {
    const sentence = trimmed(text, start, end);
    if (sentence) sentences.push(sentence);
    start = at = resume;
  };
  while (at < text.length) {
    const span = spans[next];
    if (span && at >= span.start) {
      next++;
      if (span.kind === 'block') {
        cut(span.start, span.start);
        cut(span.end, span.end);
      } else at = span.end;
      continue;
    }
    const character = text[at];
    if (character === '<') {
      tag.lastIndex = at;
      const found = tag.exec(text);
      if (found) cut(at, at + found[0].length);
      else at++;
    } else if (character === '\n') {
      const resume = pastWhiteSpace(text, at);
      if (lineEnds(text, start, at, resume, spans[next - 1], spans[next])) cut(at, resume);
      else at = resume;
    } else if (stops.includes(character)) {
      const end = endOfStops(text, at);
      if (endsSentence(text, start, at, end)) cut(end, end);
      else at = end;
    } else at++;
  }
  cut(text.length, text.length);
  return sentences;
}

function pastWhiteSpace(text: string, at: number): number {
  const solid = /\S/g;
  solid.lastIndex = at;
  return solid.exec(text)?.index ?? text.length;
}

/**
 * Whether the line break at `at` ends the sentence begun at `start`; the next line's text begins at `resume`.
 * @param before,after the protected spans on either side, wherever they lie
 */
function lineEnds(
  text: string,
  start: number,
  at: number,
  resume: number,
  before?: ProtectedSpan,
  after?: ProtectedSpan,
): boolean {
  if (resume >= text.length || (text.indexOf('\n', at + 1) < resume && text.indexOf('\n', at + 1) >= 0)) return true; // blank line
  let end = at;
  while (end > start && /\s/.test(text[end - 1])) end--;
  if (end === start) return true;
  const stopped = endsInStop(text, start, end);
  if (after?.kind === 'display' && after.start === resume) return stopped;
  const goesOn = /\p{Ll}/u.test(text[resume]);
  if (before?.kind === 'display' && before.end === end) return !goesOn;
  if (stopped || text[end - 1] === ':') return true;
  listOrHeading.lastIndex = resume;
  if (listOrHeading.test(text)) return true;
  const lineStart = text.lastIndexOf('\n', end - 1) + 1;
  if (/^\s*(?:#{1,6}\s|\|)/.test(text.slice(lineStart, lineStart + 12))) return true;
  return !(goesOn && (text[end - 1] === ',' || end - lineStart >= wrappedLine));
}

function trimmed(text: string, start: number, end: number): SentenceSpan | undefined {
  while (start < end && /\s/.test(text[start])) start++;
  while (end > start && /\s/.test(text[end - 1])) end--;
  return /[\p{L}\p{N}]/u.test(text.slice(start, end)) ? { start, end } : undefined;
}
