import type { Random } from './random.js';
import { add, show, type Value } from './values.js';

/** One part of a `loops` problem: three definitions made from x and the constants, applied round after round. */
export interface Part {
  name: string;
  definitions: { name: string; left: string; right: string }[];
  rounds: number;
}

export type Constants = ReadonlyMap<string, Value>;

export function randomPart(random: Random, name: string, names: readonly string[], constants: readonly string[], rounds: number): Part {
  const definitions = names.map((defined) => {
    // One operand is x, so that a definition is news to the model and not a fact of the prompt.
    const constant = random.pick(constants);
    const xFirst = random.chance(0.5);
    return { name: defined, left: xFirst ? 'x' : constant, right: xFirst ? constant : 'x' };
  });
  return { name, definitions, rounds };
}

const header = (part: Part) => `part ${part.name} ${part.rounds} rounds :`;

/** The part as the prompt states it: a round adds its definitions in order. */
export function statePart(part: Part): string {
  const definitions = part.definitions.map((d) => `${d.name} is ${d.left} + ${d.right} .`).join(' ');
  return `${header(part)} ${definitions}`;
}

/** The part as the model thinks it aloud, with its re-checks; gives the text and x at the end. */
export function workPart(random: Random, part: Part, start: Value, constants: Constants): { text: string; x: Value } {
  const words: string[] = [`${header(part)} x = ${show(start)} .`];
  const values = part.definitions.map((d) => {
    const operand = (name: string) => (name === 'x' ? start : constants.get(name)!);
    const value = add(operand(d.left), operand(d.right));
    const stated = (name: string) => `${name} = ${show(operand(name))}`;
    words.push(`${d.name} is ${stated(d.left)} + ${stated(d.right)} , ${d.name} = ${show(value)} .`);
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
