import type { Command } from 'commander';
import type { Io } from './io.js';
import { text } from './values.js';

export function addSweepMerge(parent: Command, io: Io, done: (status: number) => void): void {
  parent
    .command('merge')
    .description('put the shards of a sweep together; refuses parts that do not belong')
    .argument('<DIR...>', 'the folders of all shards, or one that holds them')
    .requiredOption('--out <DIR>', 'a new folder: what one undisturbed run leaves, records in order', text)
    .option('--json', 'print one JSON object')
    .action(async (given: string[], { out, json }: { out: string; json?: boolean }) => {
      const { mergeSweep } = await import('../sweep/merge.js');
      const { sweepFolders } = await import('../sweep/status.js');
      const merged = await mergeSweep(given.flatMap(sweepFolders), out, io.interrupt);
      const { parts, cells, records } = merged;
      io.out(json ? `${JSON.stringify(merged)}\n` : `${records} records of ${cells} cells from ${parts} parts in ${out}\n`);
      done(0);
    });
}
