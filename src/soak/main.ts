/** `npm run soak`: every part at its full count, or some of them, or a share; see README, "How it is tested". */
import { randomInt } from 'node:crypto';
import { program } from '../cli/program.js';
import { ProgressBar } from '../cli/progress.js';
import { oneOf, real, repeated, whole } from '../cli/values.js';
import { parts } from './parts.js';
import { keepRecord, type PartRecord } from './record.js';
import { runPart } from './run-part.js';

interface Flags {
  part?: string[];
  share: number;
  seed?: number;
  first: number;
}

async function soak({ part: names, share, seed: given, first }: Flags): Promise<void> {
  const seed = given ?? randomInt(2 ** 31);
  const chosen = parts.filter(({ name }) => !names || names.includes(name));
  const made: PartRecord[] = [];
  let faults = 0;
  for (const part of chosen) {
    const count = Math.max(1, Math.round(part.full * share));
    console.log(`${part.name}: ${part.title}; ${count} ${part.unit}, --seed ${seed}${first ? ` --first ${first}` : ''}`);
    const bar = new ProgressBar(part.name, process.stderr);
    const started = performance.now();
    const elapsed = (): number => (performance.now() - started) / 1000;
    bar.update(0, count, `0 ${part.unit}/s`);
    const progress = (done: number): void =>
      bar.update(done, count, `${(done / elapsed()).toPrecision(3)} ${part.unit}/s`);
    const { figures, faults: broken, skipped } = await runPart(part, { count, seed, first, progress });
    bar.stop();
    const seconds = Number(elapsed().toFixed(1));
    for (const [name, value] of Object.entries(figures)) console.log(`  ${name}: ${value}`);
    for (const what of skipped) console.log(`  skipped: ${what}`);
    for (const what of broken) console.log(`  FAULT: ${what}`);
    console.log(`  ${broken.length === 0 ? 'held' : `${broken.length} faults`} in ${seconds} s`);
    faults += broken.length;
    made.push({ name: part.name, count, unit: part.unit, seconds, figures, skipped });
  }
  if (faults > 0) process.exitCode = 1;
  else if (chosen.length === parts.length && share === 1 && first === 0) keepRecord(seed, made);
}

await program('soak')
  .description('hours of hostile work; a figure of each part, and what broke')
  .option('--part <NAME>', 'one part (repeatable; all if left out)', repeated(oneOf(...parts.map(({ name }) => name))))
  .option('--share <S>', 'of the full counts', real(0, 1, { open: true }), 1)
  .option('--seed <S>', 'of every random choice, to repeat a failure', whole(0, 2 ** 31 - 1))
  .option('--first <N>', 'the first case, where cases are numbered', whole(0), 0)
  .action(soak)
  .parseAsync();
