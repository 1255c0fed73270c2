/** Many sequences under RPC in one process: memory and speed stay what they were. */
import { quantile } from '../analysis/statistics.js';
import { openEngine } from '../engine/engine.js';
import type { GenerateRequest, GenerateResult } from '../engine/types.js';
import { bundledModel } from '../package.js';
import { settlePolicy } from '../policies/settle.js';
import { Random } from '../tasks/random.js';
import { flatShare, MemoryLog } from './memory.js';
import { newOutcome, type Part } from './part.js';

/** Tokens of a sequence on average: the full count is over 400 sequences. */
const each = 500;
const batch = 8;
/** Sequences between two looks at memory and speed. */
const aStretch = 20;
/** Below this many tokens memory and speed are stated, not judged. */
const enoughToJudge = 100_000;
/** Speed at the end may fall this far below that at the beginning: more than another program's work explains. */
const slowest = 0.7;

export const longRun: Part = {
  name: 'long-run',
  title: 'sequences of many lengths in one process with RPC',
  unit: 'tokens',
  full: 200_000,
  short: 2_000,
  async run({ count, seed, progress }) {
    const outcome = newOutcome();
    const engine = await openEngine({ model: bundledModel('reasoner') });
    const memory = new MemoryLog();
    const rates: number[] = []; // tokens a second of each stretch
    const requests = Array.from({ length: Math.ceil(count / each) }, (_, i) => drawn(seed, i, engine.info.vocabSize));
    const wanted = requests.reduce((sum, { maxTokens }) => sum + maxTokens, 0);
    const sums = { tokens: 0, compressions: 0, largest: 0 };
    const onResult = (_: number, { ids, compressions, cache }: GenerateResult): void => {
      sums.tokens += ids.length;
      sums.compressions += compressions.length;
      sums.largest = Math.max(sums.largest, cache.peakEntries);
      progress(Math.min(count, Math.floor((sums.tokens / wanted) * count)));
    };
    try {
      for (let at = 0; at < requests.length; at += aStretch) {
        const some = requests.slice(at, at + aStretch);
        const [before, started] = [sums.tokens, performance.now()];
        const results = await engine.generateMany(some, { batch, onResult });
        rates.push((sums.tokens - before) / ((performance.now() - started) / 1000));
        memory.note(sums.tokens);
        results.forEach(({ ids }, i) => {
          const { maxTokens } = some[i];
          if (ids.length !== maxTokens) outcome.fault(`sequence ${at + i} of seed ${seed}: ${ids.length} of ${maxTokens} tokens`);
        });
      }
    } finally {
      engine.dispose();
    }
    Object.assign(outcome.figures, { sequences: requests.length, tokens: sums.tokens, compressions: sums.compressions });
    outcome.figures['largest cache, entries'] = sums.largest;
    const { slope, share, resident } = memory.growth();
    const quarter = Math.max(1, Math.floor(rates.length / 4));
    const [early, late] = [rates.slice(0, quarter), rates.slice(-quarter)].map((some) => quantile(some, 0.5));
    outcome.figures['resident memory, bytes a token'] = Number(slope.toFixed(2));
    outcome.figures['growth over the second half, share'] = Number(share.toFixed(4));
    outcome.figures['resident at the end, MB'] = Math.round(resident / 1e6);
    outcome.figures['tokens/s, first quarter'] = Math.round(early);
    outcome.figures['tokens/s, last quarter'] = Math.round(late);
    if (count >= enoughToJudge && share > flatShare)
      outcome.fault(`resident memory grows by ${slope.toFixed(1)} bytes a token, ${(100 * share).toFixed(1)} % over the second half`);
    if (count >= enoughToJudge && late < slowest * early)
      outcome.fault(`${late.toFixed(0)} tokens/s at the end, ${early.toFixed(0)} at the beginning`);
    return outcome;
  },
};

function drawn(seed: number, i: number, vocabSize: number): GenerateRequest {
  const random = new Random(seed, i);
  return {
    promptIds: Array.from({ length: random.integer(1, 60) }, () => random.integer(0, vocabSize - 1)),
    policy: settlePolicy('rpc', { interval: 64, window: 16 }),
    sampling: { temperature: 1, topP: 1, topK: 0, minP: 0, seed },
    maxTokens: random.integer(each / 2, (3 * each) / 2),
    stopIds: [],
    stream: [i, 0],
  };
}
