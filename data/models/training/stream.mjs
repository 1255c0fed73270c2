// Writes training examples as JSON lines {"prompt": [ids], "output": [ids], "rare": [places]}, without end: the tasks are defined once, in src/tasks.
//   node stream.mjs reasoner|writer FIRST-INDEX SCALE SHARES      (npm run build:ts comes first)
// SCALE shrinks problems for the curriculum; each example draws its own size from [0.4 SCALE, SCALE]. SHARES are those of
// loops, chains and passcode, as 0.5,0.3,0.2; unused for the writer; with `,wide` behind them sizes are spread over their
// logarithm from 0.06 SCALE on; with `,whole` half the examples have the size SCALE, the others are spread so. `rare` are
// the places in the output where something hangs on a single look at the prompt: a part's number of rounds (to the header,
// and from there to the first count), the names that a definition adds, and whether `chains` goes on or ends; in an
// essay the number of a section.
import { Random } from '../../../dist/tasks/random.js';
import { essay } from '../../../dist/tasks/essay.js';
import { tasks } from '../../../dist/tasks/registry.js';
import { vocabulary } from '../../../dist/tasks/vocabulary.js';

const [kind, first, scale, shares] = process.argv.slice(2);
const [loops, chains] = shares.split(',').map(Number);
const spread = shares.split(',')[3];
const ids = new Map(vocabulary.map((token, id) => [token, id]));
const encode = (text) =>
  text.split(' ').map((token) => {
    if (!ids.has(token)) throw new Error(`token outside the vocabulary: ${JSON.stringify(token)}`);
    return ids.get(token);
  });

function example(index) {
  const random = new Random('curriculum', kind, index);
  const size = Number(scale) * sizeOf(random);
  if (kind === 'writer') return essay('train', index, size);
  const share = random.unit();
  const name = share < loops ? 'loops' : share < loops + chains ? 'chains' : 'passcode';
  const { prompt, solution } = tasks[name].worked('train', index, size);
  return { prompt, output: solution };
}

function sizeOf(random) {
  if (spread === 'whole' && random.chance(0.5)) return 1;
  return spread ? 0.06 ** random.unit() : 0.4 + 0.6 * random.unit();
}

/** Where a number of rounds is copied from the prompt, where the first count is made of it, where a definition's operands are named, and where a line of chains could be the last; in an essay, a section's number. */
function rarePlaces(tokens) {
  const places = [];
  let fresh = false;
  let part = false;
  tokens.forEach((token, i) => {
    if (token === 'section') places.push(i + 1);
    if (token === 'rounds') places.push(i - 1);
    if (token === 'left' && fresh) places.push(i - 1);
    if (token === 'is' && part) places.push(i + 1, i + 6); // a is q = 9 7 + x = 4 6
    if (token === '.' && kind === 'reasoner' && !part && i + 1 < tokens.length) places.push(i + 1);
    part ||= token === 'part'; // `chains` has no parts: the names there are the model's own choice
    fresh = token === 'rounds' || (fresh && token !== 'left');
  });
  return places;
}

process.stdout.on('error', () => process.exit(0)); // the trainer closed the pipe
for (let index = Number(first); ; index++) {
  const { prompt, output } = example(index);
  const line = JSON.stringify({ prompt: encode(prompt), output: encode(output), rare: rarePlaces(output.split(' ')) });
  if (!process.stdout.write(line + '\n')) await new Promise((resolve) => process.stdout.once('drain', resolve));
}
