/** Products in float32 and in bfloat16, where the processor has an instruction for them, measured in turn. */
import type { ProductType } from '../engine/types.js';
import { readingsOf, type Round } from './ceilings.js';
import type { Context } from './context.js';
import { timing, type BenchCase, type Ground, type Timing } from './record.js';

/** A round of each kind of products, in the order of the kinds. */
export type OwnRound = Round[];

/** Both kinds of products where the processor has its own for weights, or pages, of `type`. */
export const kindsOf = (context: Context, type: 'f32' | 'bf16'): ProductType[] =>
  type === 'bf16' && context.ceilings.found.bf16 ? ['float32', 'bf16'] : ['float32'];

export async function inTurn(kinds: ProductType[], own: (products: ProductType) => Promise<Round>): Promise<OwnRound> {
  const round: OwnRound = [];
  for (const kind of kinds) round.push(await own(kind));
  return round;
}

export const timingOf = (mine: OwnRound[], kind: number): Timing => timing(mine.map((round) => round[kind].seconds));

/** As with transformers' types, the faster kind counts; the case's name says which, its figures what the other takes. */
export function faster(
  mine: OwnRound[],
  kinds: ProductType[],
  name: string,
  common: Omit<Ground, 'bandwidths' | 'operations' | 'roundTrips'>,
): Timing & Pick<BenchCase, 'name' | 'figures' | 'ground'> {
  const [single, halved] = kinds.map((_, i) => {
    const ground = { ...common, ...readingsOf(mine.map((round) => round[i])) };
    return { ...timingOf(mine, i), ground };
  });
  if (!halved) return { name, ...single };
  const figures = { 'ms with float32 products': 1e3 * single.seconds, 'ms with bf16 products': 1e3 * halved.seconds };
  return halved.seconds < single.seconds
    ? { name: `${name}, bf16 products`, ...halved, figures }
    : { name: `${name}, float32 products`, ...single, figures };
}
