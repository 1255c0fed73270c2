import type { Random } from './random.js';
import { add, show, type Value } from './values.js';

/** One part of a `loops` problem: three definitions, each a constant plus x, applied round after round. */
export interface Part {
  name: string;
  /** What x is added to: so a definition is news to the model and not a fact of the prompt. */
  definitions: { name: string; constant: string }[];
  rounds: number;
}

export type Constants = ReadonlyMap<string, Value>;

export function randomPart(random: Random, name: string, names: readonly string[], constants: readonly string[], rounds: number): Part {
  const definitions = names.map((defined) => ({ name: defined, constant: random.pick(constants) }));
  return { name, definitions, rounds };
}

const header = (part: Part) => `part ${part.name} ${part.rounds} rounds :`;

/** The part as the prompt states it: a round adds its definitions in order. */
export function statePart(part: Part): string {
  const definitions = part.definitions.map((d) => `${d.name} is ${d.constant} + x .`).join(' ');
  return `${header(part)} ${definitions}`;
}

/** The part as the model thinks it aloud, with its re-checks; gives the text and x at the end. */
export function workPart(random: Random, part: Part, start: Value, constants: Constants): { text: string; x: Value } {
  const words: string[] = [`${header(part)} x = ${show(start)} .`];
  const values = part.definitions.map((d) => {
    const constant = constants.get(d.constant)!;
    const value = add(constant, start);
    words.push(`${d.name} is ${d.constant} = ${show(constant)} + x = ${show(start)} , ${d.name} = ${show(value)} .`);
    return value;
  });
  const wording = (i: number, after: Value) => `+ ${part.definitions[i].name} -> ${show(after)}`;
  const round = (x: Value) => {
    const reached = [x];
    for (let i = 0; i < values.length; i++) reached.push(add(reached[i], values[i]));
    return reached;
  };
  let x = start;
  for (let left = part.rounds - 1; left >= 0; left--) {
    const reached = round(x);
    const said = values.map((_, i) => wording(i, reached[i + 1])).join(' , ');
    words.push(`${said} . ${left} left .`);
    const last = values.length - 1;
    const kind = random.unit();
    if (kind < 0.3) words.push(`${random.pick(['wait', 'hmm', 'check'])} : ${show(reached[last])} ${wording(last, reached[last + 1])} , yes . ${left} left .`);
    else if (kind < 0.38) words.push(`let me check : x = ${show(x)} . ${said} , yes . ${left} left .`);
    x = reached[last + 1];
  }
  words.push(`part ${part.name} done . x = ${show(x)} .`);
  return { text: words.join(' '), x };
}
