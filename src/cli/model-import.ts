import type { Command } from 'commander';
import type { Io } from './io.js';
import { oneOf, text } from './values.js';

interface ImportFlags {
  out: string;
  weights: 'exact' | 'bf16';
  tokenizer: boolean;
  json?: boolean;
}

export function addModelImport(model: Command, io: Io, done: (status: number) => void): void {
  model
    .command('import')
    .description('make a folder in Hugging Face layout of a GGUF file (Llama, Qwen2, Qwen3)')
    .argument('<FILE>', 'the GGUF file', text)
    .requiredOption('--out <DIR>', 'the folder to make; new or empty', text)
    .option('--weights <TYPE>', 'exact: nothing is rounded; bf16: half the bytes', oneOf('exact', 'bf16'), 'exact')
    .option('--no-tokenizer', 'leave the tokenizer out')
    .option('--json', 'print one JSON object')
    .action(async (file: string, flags: ImportFlags) => done(await importModel(file, flags, io)));
}

async function importModel(file: string, { out, weights, tokenizer, json }: ImportFlags, io: Io): Promise<number> {
  const { importGguf } = await import('../models/gguf/import.js');
  const { ProgressBar } = await import('./progress.js');
  const bar = new ProgressBar('tensors', io.progress);
  const onProgress = (at: number, total: number) => bar.update(at, total, `${at} of ${total}`);
  const report = await importGguf({ file, out, weights, tokenizer, signal: io.interrupt, onProgress }).finally(() => bar.stop());
  if (json) io.out(`${JSON.stringify(report)}\n`);
  else {
    const types = Object.entries(report.types).map(([type, count]) => `${count} ${type}`);
    const words = report.tokens ? `${report.tokens} tokens${report.chatTemplate ? ', chat template' : ''}` : 'no tokenizer';
    io.out(`${out}: ${report.family}, ${report.layers} layers, ${types.join(', ')} (${report.weightsBytes} bytes); ${words}\n`);
  }
  return 0;
}
