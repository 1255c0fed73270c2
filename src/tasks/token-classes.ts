/** What each token of a bundled task's text is there for: the language of `loops`, `chains` and `passcode`, word by word. */

/** Kinds of token, values first. */
export const tokenClasses = ['result', 'restated value', 'running value', 'passcode', 'counter', 'name', 'operator', 'separator', 'word'] as const;
/**
 * `result`: digits of a value where it is worked out (`, v5 = 5 7`). `restated value`: of one that stood before (`is v2 = 1 2`,
 * `wait : 3 4`). `running value`: of x as the rounds change it (`-> 5 6`). `passcode`: of `code = 4 5`. `counter`: rounds.
 * `word`: all else that is no name, operator or separator, the special tokens among them.
 */
export type TokenClass = (typeof tokenClasses)[number];

const fixed = new Map<string, TokenClass>([
  ...['=', '+', '-', '->', 'is'].map((word) => [word, 'operator'] as const),
  ...['.', ',', ':'].map((word) => [word, 'separator'] as const),
]);
const name = /^([a-fp-rx]|code|v\d+)$/;
const number = /^\d+$/;

/** The class of each word; a text that a lost model writes has classes too, by the words beside. */
export function classesOf(words: readonly string[]): TokenClass[] {
  const classes: TokenClass[] = [];
  words.forEach((word, at) => classes.push(fixed.get(word) ?? (name.test(word) ? 'name' : number.test(word) ? numberClass(words, at, classes) : 'word')));
  return classes;
}

function numberClass(words: readonly string[], at: number, before: readonly TokenClass[]): TokenClass {
  if (words[at + 1] === 'left' || words[at + 1] === 'rounds') return 'counter';
  const previous = words[at - 1] ?? '';
  if (number.test(previous)) return before[at - 1]; // the second digit of a value
  if (previous === '->') return 'running value';
  if (previous !== '=') return 'restated value';
  if (words[at - 2] === 'code') return 'passcode';
  return words[at - 3] === ',' ? 'result' : 'restated value';
}
