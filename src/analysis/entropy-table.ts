/** Mean n-gram entropy of a set of outputs against length, in both modes of METHODS §5. */
import { PathPressError, wholeAtLeast } from '../engine/errors.js';
import { entropyCeiling, prefixEntropies } from './entropy.js';
import { clusterMean, mean, type Interval, type LevelOption } from './statistics.js';

/** `matched`: only outputs with at least L ids; `paper`: the first L ids, or the whole output where it is shorter. */
export type EntropyMode = 'matched' | 'paper';

export const entropyModes: readonly EntropyMode[] = ['matched', 'paper'];

/** One generated text: its ids (no special tokens added, thinking included) and the prompt that clusters it. */
export interface OutputIds {
  ids: ArrayLike<number>;
  prompt: string;
}

/** Mean entropy of the n-grams at one length, in bits. */
export interface EntropyCell extends Interval {
  n: number;
  /** The length L, in ids. */
  length: number;
  /** Outputs that the mean is over. */
  outputs: number;
  /** Prompts that they answer, which the interval is of: of one alone it has no width. */
  prompts: number;
  /** Their share of all outputs. */
  share: number;
  /** Mean of bits over the ceiling log2(ids used − n + 1), over outputs whose ceiling is not 0; NaN where none. */
  overCeiling: number;
}

export interface EntropyTableOptions extends LevelOption {
  /** Gram sizes; 1, 2, 3 if left out. */
  n?: readonly number[];
  /** Lengths L in ids; 512 to 8192 by doubling if left out. */
  lengths?: readonly number[];
  /** `matched` if left out. */
  mode?: EntropyMode;
}

/** Lengths, in ids, at which entropy is told where none are named. */
export const defaultLengths: readonly number[] = [512, 1024, 2048, 4096, 8192];

/**
 * Mean n-gram entropy of outputs in bits (arXiv 2505.13866): one cell for every n and length, n outermost. A cell that no
 * output can fill (none has L ids, or, in mode `paper`, none has n ids) is left out. Intervals are Student's, by prompt
 * (`clusterMean`), within 0 and the ceiling.
 * @throws BAD_OPTION for an unknown mode, n < 1, or a length below 1 or n
 */
export function entropyTable(outputs: readonly OutputIds[], options: EntropyTableOptions = {}): EntropyCell[] {
  const { n: sizes = [1, 2, 3], lengths = defaultLengths, mode = 'matched' } = options;
  if (!entropyModes.includes(mode))
    throw new PathPressError('BAD_OPTION', `mode must be matched or paper, not ${mode}`);
  for (const n of sizes) wholeAtLeast(1, 'n', n);
  for (const length of lengths) wholeAtLeast(Math.max(1, ...sizes), 'length', length);
  const cells: EntropyCell[] = [];
  for (const n of sizes) {
    const used = outputs.map((output) => lengthsUsed(output.ids.length, n, lengths, mode));
    const bits = outputs.map((output, i) =>
      prefixEntropies(
        output.ids,
        n,
        used[i].filter((length) => length > 0),
      ),
    );
    const taken = new Int32Array(outputs.length); // entropies of each output already given to a cell
    for (let column = 0; column < lengths.length; column++) {
      const clusters = new Map<string, number[]>();
      const ratios: number[] = [];
      let filled = 0;
      for (let i = 0; i < outputs.length; i++) {
        const length = used[i][column];
        if (length === 0) continue;
        const value = bits[i][taken[i]++];
        const cluster = clusters.get(outputs[i].prompt);
        if (cluster) cluster.push(value);
        else clusters.set(outputs[i].prompt, [value]);
        if (length > n) ratios.push(value / entropyCeiling(length, n));
        filled++;
      }
      if (filled === 0) continue;
      const { mean: middle, low, high } = clusterMean([...clusters.values()], options);
      const ceiling = Math.max(middle, entropyCeiling(lengths[column], n));
      cells.push({
        n,
        length: lengths[column],
        mean: middle,
        low: Math.max(0, low),
        high: Math.min(ceiling, high),
        outputs: filled,
        prompts: clusters.size,
        share: filled / outputs.length,
        overCeiling: mean(ratios),
      });
    }
  }
  return cells;
}

/** Ids of a text of `available` ids that count at each length; 0 where the text has no place in that cell. */
function lengthsUsed(available: number, n: number, lengths: readonly number[], mode: EntropyMode): number[] {
  return lengths.map((length) => {
    const used = mode === 'paper' ? Math.min(available, length) : length;
    return used <= available && used >= n ? used : 0;
  });
}
