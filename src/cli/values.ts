import { InvalidArgumentError } from 'commander';

/** Parsers of flag values; each names what it wants, commander adds the flag and the value. */

/** A whole number from `least` to `most`, named where given. */
export function whole(least = -Number.MAX_SAFE_INTEGER, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    const range = most === Number.MAX_SAFE_INTEGER ? ` of at least ${least}` : ` from ${least} to ${most}`;
    throw new InvalidArgumentError(`It must be a whole number${least === -Number.MAX_SAFE_INTEGER ? '' : range}.`);
  };
}

/** Any whole number: the policy says which it takes. */
export const integer = whole();

/** A number from `least` to `most`, named where given; `open` leaves `least` itself out. */
export function real(least = -Number.MAX_VALUE, most = Number.MAX_VALUE, { open = false } = {}): (text: string) => number {
  return (text) => {
    const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
    if ((open ? value > least : value >= least) && value <= most) return value;
    const range =
      most === Number.MAX_VALUE
        ? ` ${open ? 'above' : 'of at least'} ${least}`
        : ` ${open ? 'above' : 'from'} ${least} ${open ? 'and at most' : 'to'} ${most}`;
    throw new InvalidArgumentError(`It must be a number${least === -Number.MAX_VALUE ? '' : range}.`);
  };
}

/** A list of values with commas between. */
export function list<T>(item: (text: string) => T): (text: string) => T[] {
  return (text) => text.split(',').map((part) => item(part.trim()));
}

/** One of some words. */
export function oneOf<T extends string>(...words: T[]): (text: string) => T {
  return (text) => {
    if ((words as string[]).includes(text)) return text as T;
    throw new InvalidArgumentError(
      `It must be ${words.slice(0, -1).join(', ')}${words.length > 1 ? ' or ' : ''}${words.at(-1)}.`,
    );
  };
}

/** A text that is not empty and was valid UTF-8. */
export function text(value: string): string {
  if (value === '') throw new InvalidArgumentError('It must not be empty.');
  if (value.includes('\uFFFD')) throw new InvalidArgumentError('It is not valid UTF-8.');
  return value;
}

/** Collects a flag that may stand several times. */
export function repeated<T>(item: (text: string) => T): (text: string, before: T[] | undefined) => T[] {
  return (value, before = []) => [...before, item(value)];
}
