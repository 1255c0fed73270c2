import type { Random } from './random.js';

/** A value is two digits that never carry: arithmetic modulo 10, digit by digit. */
export type Value = readonly [number, number];

export type Sign = '+' | '-';

export function randomValue(random: Random): Value {
  return [random.integer(0, 9), random.integer(0, 9)];
}

export function randomSign(random: Random): Sign {
  return random.chance(0.5) ? '+' : '-';
}

export function apply(left: Value, sign: Sign, right: Value): Value {
  const digit = (i: 0 | 1) => (left[i] + (sign === '+' ? right[i] : 10 - right[i])) % 10;
  return [digit(0), digit(1)];
}

export function show(value: Value): string {
  return `${value[0]} ${value[1]}`;
}
