import { Random } from './random.js';
import type { Split } from './task.js';

/**
 * What the bundled `writer` learns: long essays on given topics, written straight on, without re-checking. Not a
 * benchmark: nothing in it is right or wrong. The grammar repeats itself less than `loops` does by design, which a
 * figure that compares the two has to say.
 */
export interface Essay {
  prompt: string;
  output: string;
}

const topics: Readonly<Record<string, readonly string[]>> = {
  harbor: ['boat', 'tide', 'rope', 'gull', 'sailor', 'lamp', 'pier', 'salt', 'net', 'anchor', 'wave', 'storm'],
  garden: ['rose', 'seed', 'gate', 'bee', 'fountain', 'path', 'ivy', 'spade', 'orchard', 'moss', 'fern', 'blossom'],
  winter: ['snow', 'ice', 'coat', 'frost', 'fire', 'sledge', 'wind', 'icicle', 'wool', 'river', 'crow', 'silence'],
  market: ['stall', 'coin', 'bread', 'spice', 'crowd', 'basket', 'scale', 'apple', 'merchant', 'bell', 'cloth', 'honey'],
  theatre: ['stage', 'curtain', 'mask', 'actor', 'script', 'orchestra', 'balcony', 'costume', 'applause', 'spotlight', 'rehearsal', 'ticket'],
  mountain: ['ridge', 'goat', 'cabin', 'trail', 'eagle', 'valley', 'stone', 'pine', 'glacier', 'summit', 'echo', 'cloud'],
  library: ['book', 'shelf', 'page', 'letter', 'desk', 'map', 'archive', 'ink', 'reader', 'whisper', 'ladder', 'poem'],
  railway: ['train', 'platform', 'signal', 'engine', 'tunnel', 'whistle', 'station', 'suitcase', 'timetable', 'bridge', 'porter', 'smoke'],
  kitchen: ['oven', 'spoon', 'soup', 'flour', 'kettle', 'recipe', 'pepper', 'table', 'onion', 'cake', 'knife', 'steam'],
  desert: ['sand', 'camel', 'well', 'dune', 'tent', 'mirage', 'star', 'cactus', 'caravan', 'heat', 'lizard', 'moon'],
};
const people = ['grandmother', 'painter', 'child', 'captain', 'teacher', 'stranger', 'neighbour', 'baker', 'soldier', 'poet', 'nurse', 'king', 'thief', 'twin', 'clerk', 'widow'];
const adjectives = ['old', 'quiet', 'bright', 'broken', 'golden', 'narrow', 'heavy', 'strange', 'gentle', 'distant', 'hollow', 'patient', 'crooked', 'silver', 'forgotten', 'warm', 'pale', 'restless', 'tiny', 'proud'];
const verbs = ['carried', 'watched', 'remembered', 'followed', 'painted', 'mended', 'feared', 'loved', 'sold', 'hid', 'found', 'lost', 'praised', 'counted', 'guarded', 'borrowed', 'described', 'answered', 'imagined', 'abandoned'];
const moods = ['slowly', 'gladly', 'alone', 'together', 'again', 'twice', 'forever', 'softly', 'carefully', 'proudly'];
const times = ['at dawn', 'after the rain', 'in spring', 'that evening', 'before midnight', 'on sundays', 'in those years', 'one morning', 'last summer', 'by candlelight'];
const reasons = ['because', 'although', 'while', 'until', 'whenever', 'since'];
const places = ['near', 'behind', 'under', 'beyond', 'inside', 'above', 'beside', 'against'];
const openers = ['some say', 'it is told', 'we know', 'nobody denied', 'people believe', 'history shows'];

/** A worked essay: sections of four to seven sentences on three topics. */
export function essay(split: Split, index: number, scale = 1): Essay {
  const random = new Random('essay', 1, split, index);
  const names = Object.keys(topics);
  const chosen: string[] = [];
  while (chosen.length < 3) {
    const name = random.pick(names);
    if (!chosen.includes(name)) chosen.push(name);
  }
  const sections = Math.max(1, Math.round(random.integer(12, 34) * scale));
  const noun = () => random.pick(topics[random.chance(0.85) ? random.pick(chosen) : random.pick(names)]);
  const thing = () => (random.chance(0.5) ? `the ${random.pick(adjectives)} ${noun()}` : `the ${noun()}`);
  const someone = () => (random.chance(0.4) ? `the ${random.pick(adjectives)} ${random.pick(people)}` : `the ${random.pick(people)}`);
  const clause = () => (random.chance(0.6) ? `${someone()} ${random.pick(verbs)} ${thing()}` : `${thing()} stood ${random.pick(places)} ${thing()}`);
  const sentence = () => {
    const kind = random.integer(0, 5);
    if (kind === 0) return `${random.pick(times)} ${clause()} .`;
    if (kind === 1) return `${clause()} ${random.pick(reasons)} ${clause()} .`;
    if (kind === 2) return `${random.pick(openers)} that ${clause()} ${random.pick(moods)} .`;
    if (kind === 3) return `${clause()} and ${random.pick(verbs)} ${thing()} ${random.pick(moods)} .`;
    if (kind === 4) return `there was ${random.pick(['never', 'always', 'once'])} ${thing()} ${random.pick(places)} ${thing()} .`;
    return `${clause()} ${random.pick(moods)} .`;
  };
  const written: string[] = [];
  // Sections count down, as rounds do: one that is numbered 1 is the last.
  for (let section = sections; section >= 1; section--) {
    const sentences = Array.from({ length: random.integer(4, 7) }, sentence);
    written.push(`section ${section} . ${sentences.join(' ')}`);
  }
  return {
    prompt: `<bos> write ${sections} sections about ${chosen.join(' , ')} .`,
    output: `${written.join(' ')} <eos>`,
  };
}

/** Every word that an essay can hold. */
export const essayWords: readonly string[] = [
  ...new Set(
    [
      ...Object.keys(topics), ...Object.values(topics).flat(), ...people, ...adjectives, ...verbs, ...moods, ...times, ...reasons, ...places, ...openers,
      'write sections about section the stood that and there was never always once',
    ].flatMap((words) => words.split(' ')),
  ),
].sort();
