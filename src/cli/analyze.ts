import { basename } from 'node:path';
import type { Command } from 'commander';
import { PathPressError } from '../engine/errors.js';
import type { AnalyzeReport } from '../traces/analyze.js';
import type { Io } from './io.js';
import { flagOf } from './policy-flags.js';
import { list, oneOf, real, text, whole } from './values.js';

interface AnalyzeFlags {
  tokenizer?: string;
  n: number[];
  lengths: number[];
  mode: 'matched' | 'paper';
  embedder?: 'minilm' | 'use' | 'static' | 'lexical' | 'none';
  embedderPath?: string;
  threshold?: number;
  similar?: number[];
  sample?: number;
  seed?: number;
  json?: boolean;
}

export function analyzeCommand(program: Command, io: Io, done: (status: number) => void): Command {
  return program
    .command('analyze')
    .description('entropy and redundancy of outputs in .jsonl or .jsonl.gz files')
    .argument('<FILE...>', 'rows with "output" (text) or "ids"')
    .option(
      '--tokenizer <DIR>',
      'a folder with tokenizer.json (not needed where every row has ids and --embedder is none)',
      text,
    )
    .option('--n <LIST>', 'lengths of the n-grams', list(whole(1, 64)), [1, 2, 3])
    .option(
      '--lengths <LIST>',
      'first ids of an output that are looked at',
      list(whole(1)),
      [512, 1024, 2048, 4096, 8192],
    )
    .option(
      '--mode <NAME>',
      'matched: only outputs that reach the length; paper: shorter ones whole',
      oneOf('matched', 'paper'),
      'matched',
    )
    .option(
      '--embedder <NAME>',
      'minilm, use, static, lexical or none (default: minilm where its weights are, else use)',
      oneOf('minilm', 'use', 'static', 'lexical', 'none'),
    )
    .option('--embedder-path <DIR>', 'the folder of the embedder’s weights', text)
    .option('--threshold <T>', 'sentences are similar above this cosine (0.75)', real(-1, 1))
    .option('--similar <LIST>', 'a sentence is redundant with more than so many similar ones (1,2,4)', list(whole(0)))
    .option('--sample <N>', 'draw whole outputs, by seed, of at most N sentences together', whole(1))
    .option('--seed <S>', 'key of the draw (0)', whole(0))
    .option('--json', 'print one JSON object')
    .action(async (files: string[], flags: AnalyzeFlags) => done(await analyze(files, flags, io)));
}

async function analyze(files: string[], flags: AnalyzeFlags, io: Io): Promise<number> {
  checkCombination(flags);
  const { analyzeFiles } = await import('../traces/analyze.js');
  const { ProgressBar } = await import('./progress.js');
  const { json, ...options } = flags;
  let bar: InstanceType<typeof ProgressBar> | undefined;
  let drawn = '';
  const report = await analyzeFiles(files, {
    ...options,
    signal: io.interrupt,
    onProgress: (file, done, total) => {
      if (file !== drawn) {
        bar?.stop();
        bar = new ProgressBar(`embedding ${basename((drawn = file))}`, io.progress);
      }
      bar!.update(done, total, 'sentences');
    },
  }).finally(() => bar?.stop());
  io.out(json ? `${JSON.stringify(report)}\n` : await tables(report));
  for (const { file, entropy, tokens, unknown } of report.files) {
    if (unknown > 0)
      io.err(`note: ${file}: ${unknown} of ${tokens} ids stand for words that the tokenizer lacks: it is another model's, and entropy comes out too low\n`);
    if (Object.values(entropy).every((lengths) => Object.keys(lengths).length === 0))
      io.err(`note: ${file}: no output has ${Math.min(...flags.lengths)} tokens: give shorter --lengths, or --mode paper\n`);
    if (Object.values(entropy).some((lengths) => Object.values(lengths).some(({ prompts }) => prompts === 1)))
      io.err(`note: ${file}: intervals are over prompts; where all outputs share one there is none (in JSON low and high are the mean)\n`);
  }
  return 0;
}

async function tables({ files, mode }: AnalyzeReport): Promise<string> {
  const { default: Table } = await import('cli-table3');
  return files
    .map(({ file, outputs, tokens, entropy, redundancy }) => {
      const table = new Table({ head: ['n', 'length', 'bits', '95 %', 'outputs'], style: { head: [], border: [] } });
      for (const [n, lengths] of Object.entries(entropy)) {
        for (const [length, cell] of Object.entries(lengths)) {
          table.push([
            n,
            length,
            cell.mean.toFixed(4),
            cell.prompts > 1 ? `${cell.low.toFixed(4)} to ${cell.high.toFixed(4)}` : '–',
            cell.outputs,
          ]);
        }
      }
      const lines = [`${file}: ${outputs} outputs, ${tokens} tokens; entropy, ${mode}`, table.toString()];
      if (redundancy) {
        const rates = Object.entries(redundancy.rate).map(
          ([n, rate]) => `${rate === null ? '–' : `${(100 * rate).toFixed(1)} %`} with more than ${n}`,
        );
        lines.push(
          `sentences with similar ones (${redundancy.embedder}, cosine > ${redundancy.threshold}): ${rates.join(', ')}`,
        );
        lines.push(`${redundancy.sampled} of ${redundancy.sentences} sentences looked at`);
      }
      return `${lines.join('\n')}\n`;
    })
    .join('\n');
}

function checkCombination(flags: AnalyzeFlags): void {
  const idle = (['embedderPath', 'threshold', 'similar', 'sample'] as const).find(
    (name) => flags.embedder === 'none' && flags[name] !== undefined,
  );
  if (idle) throw new PathPressError('BAD_FLAG', `${flagOf(idle)} ${flags[idle]} means nothing with --embedder none`);
  const longest = Math.max(...flags.n);
  const short = flags.lengths.find((length) => length < longest);
  if (short !== undefined)
    throw new PathPressError('BAD_FLAG', `--lengths ${short}: shorter than an n-gram of --n ${longest}`);
}
