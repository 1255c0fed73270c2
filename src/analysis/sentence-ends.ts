/** Whether a full stop, question or exclamation mark ends a sentence: abbreviations, initials, numbers, factorials. */

const words = (list: string): ReadonlySet<string> => new Set(list.split(' '));

/** Never at the end of a sentence. */
const alwaysGoesOn = words(
  'e.g i.e cf vs viz ca approx resp mr mrs ms mx dr prof st gen col capt lt sgt rev hon gov sen mt w.r.t w.l.o.g i.i.d a.k.a s.t',
);
/** Before a number or a formula: "Fig. 3", but "The answer is no. Then". */
const countsSomething = words(
  'fig figs eq eqs eqn sec ch no nos p pp vol art thm prop lem def cor ex ref refs nr jan feb mar apr jun jul aug sep sept oct nov dec',
);
/** At the end of a sentence only before a word that opens one: "the U.S. Army", but "in the U.S. The". */
const endsBeforeOpener = words('u.s u.k u.n e.u a.m p.m ph.d m.d b.a m.a d.c inc ltd corp co bros jr sr al');
const openers = words(
  'the a an this that these those it he she they we i you there here so but and or if then now wait hmm let however therefore thus hence ' +
    'since because also alternatively maybe perhaps first second next finally in on at for from to with when while what why how where which who ' +
    'is are was were can could should would not no yes okay ok another given suppose consider similarly actually after before',
);

const closers = '"\'”’)]}»」』）】》*_';
const asianStops = '。！？｡';
export const stops = `.!?…${asianStops}`;
const upper = /^\p{Lu}/u;
const lower = /^\p{Ll}/u;
const asian = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}「『（《]/u;
const lineNumber =
  /^[\s#>*_\-+•(]*(?:(?:step|case|part|section|question|problem|example|option|chapter)\s+)?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,4})$/i;

/** Past the stops that begin at `at`, and the quotes, brackets and emphasis that close after them. */
export function endOfStops(text: string, at: number): number {
  let end = at;
  while (end < text.length && stops.includes(text[end])) end++;
  while (end < text.length && closers.includes(text[end])) end++;
  return end;
}

/** Whether text[from, to) ends in a stop, closing quotes and brackets aside. */
export function endsInStop(text: string, from: number, to: number): boolean {
  let last = to - 1;
  while (last > from && closers.includes(text[last])) last--;
  return last >= from && stops.includes(text[last]);
}

/**
 * Whether the stops at [at, end) end the sentence that began at `start`, where what follows is on the same line (line
 * breaks have their own rule).
 */
export function endsSentence(text: string, start: number, at: number, end: number): boolean {
  const run = text.slice(at, end);
  if ([...run].some((character) => asianStops.includes(character))) return true;
  const after = text.slice(end, end + 40);
  if (after === '' || asian.test(after)) return true;
  if (!/^\s/.test(after)) return false;
  const next = after.trimStart();
  if (next === '' || asian.test(next)) return true;
  if (/^(?:\.\.|…)/.test(run)) return upper.test(next.replace(/^["'“‘(*_]+/, ''));
  return run[0] === '.' ? fullStopEnds(text, start, at, next) : markEnds(text, at, run, next);
}

function fullStopEnds(text: string, start: number, at: number, next: string): boolean {
  if (/\s/.test(text[at - 1] ?? ' ')) return true; // words set apart by spaces: "x = 3 . wait"
  if (lower.test(next) || /^[,;:)\]=]/.test(next)) return false;
  const before = text.slice(Math.max(start, at - 60), at);
  if (at - start < 60 && lineNumber.test(before)) return false;
  const word = (/[\p{L}.]+$/u.exec(before)?.[0] ?? '').toLowerCase();
  if (alwaysGoesOn.has(word)) return false;
  if (countsSomething.has(word)) return !/^[\d($\\#]/.test(next);
  const opensSentence = openers.has((/^[\p{L}']+/u.exec(next)?.[0] ?? '').toLowerCase());
  if (endsBeforeOpener.has(word)) return opensSentence;
  if (/(?:^|[\s.(])\p{Lu}$/u.test(before))
    return opensSentence || !(initial(before) || /^\p{Lu}\.\s/u.test(next)) || !upper.test(next);
  return true;
}

/** "J. Smith", "George R. Martin": a capital first in the sentence, or after a capitalised word or another initial. */
function initial(before: string): boolean {
  return /(?:^\W*|\p{Lu}[\p{L}]*[.\s]\s*|\p{Lu}\.\s*)\p{Lu}$/u.test(before);
}

/** Question and exclamation marks: not factorials, not titles inside a sentence. */
function markEnds(text: string, at: number, run: string, next: string): boolean {
  if (/^[=+\-/^<>,;:)\]×÷·]/.test(next) || /^\*\s/.test(next)) return false;
  const quoted = /[^!?.…]$/.test(run);
  if (run[0] === '?') return !(quoted && lower.test(next));
  if (/(?:[\d)\]}]|(?:^|[^\p{L}'])\p{L})$/u.test(text.slice(Math.max(0, at - 2), at))) return upper.test(next);
  return !lower.test(next);
}
