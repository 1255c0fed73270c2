/** Two sets of outputs of the same prompts, compared prompt by prompt: what is left once the prompt is the same. */
import type { OutputIds } from './entropy-table.js';
import { prefixEntropies } from './entropy.js';
import { pairedMeans, type PairedTest } from './paired-means.js';
import type { BootstrapOptions } from './statistics.js';

/** Items grouped by prompt, prompts in order of first appearance. */
export function groupByPrompt<T extends { prompt: string }>(items: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(item.prompt);
    if (group) group.push(item);
    else groups.set(item.prompt, [item]);
  }
  return groups;
}

/**
 * Mean over the prompts that both sets have a value for of (mean of a − mean of b), with the interval and test of `pairedMeans`.
 * @param measure value of an output; undefined leaves it out
 * @returns undefined where fewer than two prompts have values on both sides
 * @throws BAD_OPTION where an option is out of range
 */
export function pairedByPrompt<T extends { prompt: string }>(
  a: readonly T[],
  b: readonly T[],
  measure: (output: T) => number | undefined,
  options: BootstrapOptions = {},
): PairedTest | undefined {
  const [first, second] = [groupByPrompt(a), groupByPrompt(b)];
  const prompts = [...first.keys()].filter((prompt) => second.has(prompt));
  const values = (groups: Map<string, T[]>): number[][] =>
    prompts.map((prompt) =>
      groups
        .get(prompt)!
        .map(measure)
        .filter((value): value is number => value !== undefined),
    );
  return pairedMeans(values(first), values(second), options);
}

/**
 * Paired difference in n-gram entropy (bits, a − b) at the first `length` ids, of outputs that have as many.
 * @returns undefined where fewer than two prompts have such outputs on both sides
 * @throws BAD_OPTION for an n below 1, or a length below n
 */
export function pairedEntropy(
  a: readonly OutputIds[],
  b: readonly OutputIds[],
  n: number,
  length: number,
  options: BootstrapOptions = {},
): PairedTest | undefined {
  const bits = ({ ids }: OutputIds): number | undefined =>
    ids.length >= length ? prefixEntropies(ids, n, [length])[0] : undefined;
  return pairedByPrompt(a, b, bits, options);
}

/** Share of outputs with at least `length` ids; NaN of no outputs. */
export function shareReaching(outputs: readonly OutputIds[], length: number): number {
  return outputs.filter(({ ids }) => ids.length >= length).length / outputs.length;
}
