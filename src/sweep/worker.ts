/** A worker process of a sweep: one engine, samples as they are ordered. It writes no file: the sweep's own process does. */
import { openEngine } from '../engine/engine.js';
import { failureOf, PathPressError } from '../engine/errors.js';
import type { Engine } from '../engine/types.js';
import { evaluate } from '../evaluate/evaluate.js';
import { tasks } from '../tasks/registry.js';
import { loadTokenizer, type Tokenizer } from '../tokenizer/tokenizer.js';
import type { FromWorker, Order, ToWorker } from './messages.js';

const stop = new AbortController();
let running = 0; // orders: while one runs out the next already fills its places
const tell = (message: FromWorker): void => void process.send!(message);

let opened: { folder: string; cache: string; engine: Engine; tokenizer: Tokenizer } | undefined;

/** Orders that overlap are of one model and cache: an engine is disposed of only when nothing runs on it. */
async function open({ folder, settings: { cache, device }, threads, cacheLimit }: Order): Promise<NonNullable<typeof opened>> {
  if (opened?.folder === folder && opened.cache === cache) return opened;
  opened?.engine.dispose();
  opened = undefined;
  const tokenizer = await loadTokenizer(folder);
  const engine = await openEngine({ model: folder, cache, threads, cacheLimit, device });
  return (opened = { folder, cache, engine, tokenizer });
}

async function run(order: Order): Promise<void> {
  const { id, folder, settings, samples, batch } = order;
  const { engine, tokenizer } = await open(order);
  if (engine.info.weightsHash !== settings.weightsHash)
    throw new PathPressError('BAD_WEIGHTS', `${folder}: the weights have changed since the sweep began`);
  const { split, sampling, seed, policy, maxTokens, stop: ends, cache, task } = settings;
  await evaluate(engine, tokenizer, tasks[task.name]!, {
    model: folder,
    split,
    sampling: { ...sampling, seed },
    policy,
    maxTokens,
    stop: ends,
    cache,
    samples,
    batch,
    signal: stop.signal,
    onRecord: (record) => tell({ record, id }),
  });
}

process.on('message', (message: ToWorker) => {
  if ('stop' in message) {
    stop.abort();
    if (running === 0) process.disconnect();
    return;
  }
  running += 1;
  run(message.order).then(
    () => leaveOr({ done: message.order.id }),
    (error: unknown) => leaveOr({ failed: failureOf(error) }),
  );
});

function leaveOr(message: FromWorker): void {
  running -= 1;
  if (!stop.signal.aborted) return tell(message);
  if (running === 0) process.send!({ left: true } satisfies FromWorker, () => process.disconnect()); // after every record before it
}

// Ctrl-C reaches every process of a terminal: the sweep's own says what is to be done.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
// Without the sweep's process nobody would keep what is made here. Nothing is written, so nothing can be torn.
process.on('disconnect', () => process.exit(0));
