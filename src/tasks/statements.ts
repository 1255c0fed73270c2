/** What a text of the bundled tasks states, states again, and looks up: read off its words. */
import { add, show, type Value } from './values.js';

/** A value given to a name: `v5 = 5 7`, or x after a name was added to it: `+ a -> 5 6`. */
export interface Statement {
  name: string;
  /** The two digits, as in the text. */
  value: string;
  form: '=' | '->';
  /** Index of the first digit among the words; the second follows it. */
  at: number;
}

const digit = /^\d$/;

/** Every statement, in order. */
export function statementsOf(words: readonly string[]): Statement[] {
  return words.flatMap((word, at) => {
    if (!digit.test(word) || !digit.test(words[at + 1] ?? '')) return [];
    const [name, form] = [words[at - 2], words[at - 1]];
    return name !== undefined && (form === '=' || form === '->') ? [{ name, value: `${word} ${words[at + 1]}`, form, at }] : [];
  });
}

/** Statements that say the same word for word, at least two of each, in order; groups in the order of their first. */
export function repeatedStatements(statements: readonly Statement[]): Statement[][] {
  const groups = new Map<string, Statement[]>();
  for (const one of statements) {
    const key = `${one.name} ${one.form} ${one.value}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()].filter((group) => group.length > 1);
}

/** A place where a text needs the value of a name that was stated before. */
export interface Lookup {
  /** `operand`: it is restated (`is v2 = 1 2`). `step`: it is added to x (`+ a -> 5 6`). `answer`: it is the answer. */
  kind: 'operand' | 'step' | 'answer';
  name: string;
  /** Index of the first digit of what is said. */
  at: number;
  /** What is said agrees with the name's first statement; of a step, with x before it plus that. */
  right: boolean;
  /** Indices of the first digits of the earlier statements of that value, ascending: each of them would do. */
  sources: number[];
}

/**
 * Every look-up, in order. x is not looked up: its newest value stands close by. A name that was never stated is none, and
 * neither is a step before which no value of x stands.
 */
export function lookupsOf(words: readonly string[]): Lookup[] {
  const stated = new Map<string, { value: string; sources: number[] }>(); // by name, as first stated
  const lookups: Lookup[] = [];
  let x: string | undefined; // as it stands at the moment
  const end = words.indexOf('</think>');
  const byDigit = new Map(statementsOf(words).map((one) => [one.at, one]));
  for (let at = 0; at + 1 < words.length; at++) {
    if (words[at - 1] === ':' && digit.test(words[at]) && digit.test(words[at + 1])) x = `${words[at]} ${words[at + 1]}`; // `wait : 3 4 + c`
    const one = byDigit.get(at);
    if (!one) continue;
    const known = stated.get(one.name);
    if (one.form === '->') {
      if (known && x !== undefined) lookups.push({ kind: 'step', name: one.name, at, right: one.value === sum(x, known.value), sources: [...known.sources] });
      x = one.value;
    } else if (one.name === 'x') x = one.value;
    else if (!known) stated.set(one.name, { value: one.value, sources: [at] });
    else {
      const operand = words[at - 3] === 'is' || words[at - 3] === '+';
      const answer = end >= 0 && at > end;
      if (operand || answer) lookups.push({ kind: answer ? 'answer' : 'operand', name: one.name, at, right: one.value === known.value, sources: [...known.sources] });
      if (one.value === known.value) known.sources.push(at);
    }
  }
  return lookups;
}

function sum(left: string, right: string): string {
  const value = (text: string): Value => text.split(' ').map(Number) as unknown as Value;
  return show(add(value(left), value(right)));
}
