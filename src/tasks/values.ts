import type { Random } from './random.js';

/** A value is two digits that never carry: addition modulo 10, digit by digit. */
export type Value = readonly [number, number];

export function randomValue(random: Random): Value {
  return [random.integer(0, 9), random.integer(0, 9)];
}

export function add(left: Value, right: Value): Value {
  return [(left[0] + right[0]) % 10, (left[1] + right[1]) % 10];
}

export function show(value: Value): string {
  return `${value[0]} ${value[1]}`;
}
