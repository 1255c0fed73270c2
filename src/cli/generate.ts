import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { PathPressError } from '../engine/errors.js';
import type { GenerateResult, KeptPositions } from '../engine/types.js';
import { firstStop, StopScanner } from '../tokenizer/stop.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';
import { writeWhole } from '../whole-file.js';
import type { Io } from './io.js';
import { neverFired } from './never-fired.js';
import { checkWritable } from './output-file.js';
import { addRunFlags, settleRun, type Run, type RunFlags } from './run-flags.js';
import { integer, list, text } from './values.js';

interface GenerateFlags extends RunFlags {
  prompt?: string;
  promptIds?: number[];
  chat?: boolean;
  stream?: boolean;
  trace?: string;
  json?: boolean;
}

export function generateCommand(program: Command, io: Io, done: (status: number) => void): Command {
  const command = program.command('generate').description('continue a prompt under a cache policy');
  return addRunFlags(command)
    .option('--prompt <TEXT>', 'the prompt; the tokenizer adds its own special tokens', text)
    .option('--prompt-ids <IDS>', 'the prompt as ids, taken as they are', list(integer))
    .option('--chat', 'put the prompt through the chat template, as the user’s message')
    .option('--stream', 'print text as it comes')
    .option('--trace <FILE>', 'write the positions kept at each compression, as JSONL', text)
    .option('--json', 'print one JSON object')
    .action(async (flags: GenerateFlags) => done(await generate(flags, io)));
}

async function generate(flags: GenerateFlags, io: Io): Promise<number> {
  checkCombination(flags);
  const run = await settleRun(flags, io);
  if (flags.trace !== undefined) checkWritable('--trace', flags.trace);
  const tokenizer = await tokenizerOf(run, flags, io);
  const promptIds = flags.promptIds ?? promptOf(flags, tokenizer!, io);
  const { openEngine } = await import('../engine/engine.js');
  const engine = await openEngine(run.engine);
  try {
    const show = flags.stream ? (piece: string) => (flags.json ? io.err : io.out)(piece) : () => {};
    const printer = tokenizer && new Printer(tokenizer, run.stop, show);
    const { policy, sampling, maxTokens, stopIds } = run;
    const onTokens = printer && (flags.stream || run.stop.length) ? (ids: number[]) => printer.push(ids) : undefined;
    const trace = flags.trace !== undefined;
    const result = await engine.generate({
      promptIds,
      policy,
      sampling,
      maxTokens,
      stopIds,
      trace,
      onTokens,
      signal: io.interrupt,
    }).result;
    if (onTokens) printer!.end();
    const unread = io.unread?.() ?? false;
    if (!unread) print(result, tokenizer, run, flags, io); // before the trace, whose disk may be full
    if (trace) writeWhole(flags.trace!, traceLines(result.trace ?? []));
    return result.finish === 'aborted' && (trace || !unread) ? 130 : 0;
  } finally {
    engine.dispose();
  }
}

function checkCombination(flags: GenerateFlags): void {
  const bad = (message: string) => new PathPressError('BAD_FLAG', message);
  if (flags.prompt === undefined && flags.promptIds === undefined) throw bad('give --prompt TEXT or --prompt-ids IDS');
  if (flags.prompt !== undefined && flags.promptIds !== undefined)
    throw bad('--prompt and --prompt-ids: give one of them');
  if (flags.chat && flags.promptIds) throw bad('--chat means nothing with --prompt-ids, which are taken as they are');
  if (flags.trace !== undefined && (flags.policy === 'full' || flags.policy === 'quest'))
    throw bad(`--trace ${flags.trace}: policy ${flags.policy} compresses nothing to trace`);
}

// A folder without a tokenizer can still be run from ids to ids.
async function tokenizerOf(run: Run, flags: GenerateFlags, io: Io): Promise<Tokenizer | null> {
  const absent = !existsSync(join(run.model, 'tokenizer.json'));
  if (absent && flags.promptIds && run.stop.length === 0 && !flags.stream) {
    io.err(`note: ${run.model} has no tokenizer.json: no text\n`);
    return null;
  }
  const { loadTokenizer } = await import('../tokenizer/tokenizer.js');
  return loadTokenizer(run.model);
}

function promptOf(flags: GenerateFlags, tokenizer: Tokenizer, io: Io): number[] {
  const prompt = flags.prompt!;
  const ids = flags.chat
    ? tokenizer.applyChat([{ role: 'user', content: prompt }])
    : tokenizer.encode(prompt, { special: true });
  if (ids.length === 0) throw new PathPressError('BAD_PROMPT', `--prompt ${JSON.stringify(prompt)} has no tokens`);
  const unknown = ids.filter((id) => id === tokenizer.unknownId).length;
  if (unknown) io.err(`note: ${unknown} tokens of the prompt stand for words that the tokenizer does not know\n`);
  return ids;
}

/** Shows text as it comes, up to a stop string. */
class Printer {
  readonly #stream;
  readonly #scanner: StopScanner;

  constructor(
    tokenizer: Tokenizer,
    stops: string[],
    private readonly show: (piece: string) => void,
  ) {
    this.#stream = tokenizer.stream();
    this.#scanner = new StopScanner(stops);
  }

  /** True once a stop string stands complete. */
  push(ids: number[]): boolean {
    this.#put(this.#stream.push(ids));
    return this.#scanner.stopped;
  }

  end(): void {
    this.#put(this.#stream.end());
    this.show(`${this.#scanner.end()}\n`);
  }

  #put(text: string): void {
    const piece = this.#scanner.push(text);
    if (piece) this.show(piece);
  }
}

function* traceLines(rows: KeptPositions[]): Iterable<string> {
  for (const { generated, layer, head, positions } of rows)
    yield `${JSON.stringify({ generated, layer, head, positions: Array.from(positions) })}\n`;
}

function print(result: GenerateResult, tokenizer: Tokenizer | null, run: Run, flags: GenerateFlags, io: Io): void {
  const whole = tokenizer ? tokenizer.decode(result.ids) : null;
  const cut = whole === null ? -1 : firstStop(whole, run.stop);
  const text = cut < 0 ? whole : whole!.slice(0, cut);
  const { trace: _, ids, compressions, evictions, ...rest } = result;
  const evicted = evictions ? { evictions } : { compressions };
  if (flags.json) io.out(`${JSON.stringify({ ids, text, ...evicted, ...rest })}\n`);
  else if (!flags.stream) io.out(`${text ?? ids.join(',')}\n`);
  if (!flags.json) io.err(`${report(result)}\n`);
  const fired = evictions ? evictions.count : compressions.length;
  const { policy } = run;
  if ('budget' in policy && fired === 0) io.err(neverFired(policy, `${result.generatedTokens} tokens`));
}

function report({ generatedTokens, finish, compressions, evictions, cache, seconds }: GenerateResult): string {
  const rate = generatedTokens / (seconds.decode + seconds.compress);
  const speed = Number.isFinite(rate) ? `, ${rate.toFixed(1)} tokens/s` : '';
  const entries = `entries: ${cache.finalEntries} held at the end, ${cache.peakEntries} at most, ${cache.meanEntries.toFixed(1)} on average`;
  return `${generatedTokens} tokens (${finish})${speed}; ${evictions ? `${evictions.count} evictions` : `${compressions.length} compressions`}; ${entries}; ${cache.peakBytes} bytes at most`;
}
