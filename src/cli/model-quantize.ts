import type { Command } from 'commander';
import type { Io } from './io.js';
import { oneOf, text } from './values.js';

interface QuantizeFlags {
  out: string;
  bits: '8' | '16';
  json?: boolean;
}

export function addModelQuantize(model: Command, io: Io, done: (status: number) => void): void {
  model
    .command('quantize')
    .description('make a folder of a model in fewer bits: 8, matrices int8 with a scale a row (embeddings and norms stay); 16, all bfloat16')
    .argument('<DIR>', 'a folder in Hugging Face layout', text)
    .requiredOption('--out <DIR>', 'the folder to make; new or empty', text)
    .option('--bits <N>', '8 or 16', oneOf('8', '16'), '8')
    .option('--json', 'print one JSON object')
    .action(async (folder: string, flags: QuantizeFlags) => done(await quantize(folder, flags, io)));
}

async function quantize(model: string, { out, bits, json }: QuantizeFlags, io: Io): Promise<number> {
  const { quantizeModel } = await import('../models/quantize.js');
  const { ProgressBar } = await import('./progress.js');
  const bar = new ProgressBar('tensors', io.progress);
  const onProgress = (at: number, total: number) => bar.update(at, total, `${at} of ${total}`);
  const report = await quantizeModel({ model, out, bits: bits === '8' ? 8 : 16, signal: io.interrupt, onProgress }).finally(() => bar.stop());
  if (json) io.out(`${JSON.stringify(report)}\n`);
  else {
    const { quantized, tensors, bytesBefore, bytesAfter } = report;
    io.out(`${out}: ${quantized} of ${tensors} tensors in ${bits === '8' ? 'int8' : 'bfloat16'}, ${bytesBefore} bytes before, ${bytesAfter} after\n`);
  }
  return 0;
}
