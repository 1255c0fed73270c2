/** `npm run bench`: every speed that the project claims, against ceilings and peers measured in the same run. */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { program } from '../cli/program.js';
import { ProgressBar } from '../cli/progress.js';
import { repeated, text, whole } from '../cli/values.js';
import { loadBinding } from '../engine/binding.js';
import { checkedOut, version } from '../package.js';
import { readJson } from '../json-file.js';
import { writeWhole } from '../whole-file.js';
import { PathPressError } from '../engine/errors.js';
import { amended, checkAmendable } from './amend.js';
import { Measured } from './ceilings.js';
import { withFloor } from './floors.js';
import type { Context, Job } from './context.js';
import { parts } from './parts.js';
import { PeerSet } from './peer-set.js';
import { target, type BenchCase, type BenchRecord } from './record.js';
import { Models, shapeTexts } from './shapes.js';
import { caption, ceilingsText, terminalTable } from './table.js';

const memory = 20e9;

interface Flags {
  only: string[];
  quick: boolean;
  level?: string;
  threads: number;
  peers: boolean;
  json?: string;
  amend?: string;
}

function chosenJobs({ only: asked, quick }: Flags): Job[] {
  const jobs = parts.flatMap((part) => part.jobs(quick).map((job) => ({ part: part.name, job })));
  const wanted = (part: string, { name }: Job): boolean =>
    asked.length === 0 || asked.some((only) => only === part || name.startsWith(only));
  const chosen = jobs.filter(({ part, job }) => wanted(part, job)).map(({ job }) => job);
  if (chosen.length === 0) throw new PathPressError('BAD_FLAG', `--only ${asked.join(', ')}: there are ${parts.map(({ name }) => name).join(', ')}`);
  return chosen;
}

async function measure(jobs: Job[], context: Context, keep: (cases: BenchCase[]) => void): Promise<BenchCase[]> {
  const bar = new ProgressBar('bench', process.stderr);
  const total = jobs.reduce((sum, { estimate }) => sum + estimate, 0);
  const cases: BenchCase[] = [];
  let done = 0;
  try {
    for (const job of jobs) {
      bar.update(Math.round(done), Math.round(total), job.name);
      cases.push(...(await job.run(context).catch((error: Error) => [failedCase(job, error)])));
      done += job.estimate;
      keep(cases);
    }
  } finally {
    bar.stop();
    context.peers.close();
  }
  return cases;
}

async function bench(flags: Flags): Promise<void> {
  const { threads } = flags;
  const jobs = chosenJobs(flags);
  const levels = loadBinding().simd();
  const simd = flags.level ?? levels.at(-1)!;
  if (!levels.includes(simd)) throw new PathPressError('BAD_FLAG', `--level ${simd}: there are ${levels.join(', ')}`);
  const setting = { processor: cpus()[0].model, threads, simd, quick: flags.quick };
  const before = flags.amend === undefined ? undefined : ((await readJson(flags.amend)) as BenchRecord);
  if (before) checkAmendable(before, setting);
  const folder = mkdtempSync(join(tmpdir(), 'pathpress-bench-'));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      rmSync(folder, { recursive: true, force: true }); // gigabytes
      process.exit(1);
    });
  }
  try {
    const context: Context = {
      threads,
      simd,
      quick: flags.quick,
      ceilings: new Measured(threads, simd),
      models: new Models(folder),
      peers: new PeerSet(threads, folder, flags.peers),
      folder,
      memory: Math.min(memory, 0.85 * totalmem()),
    };
    const [date, commit] = [new Date().toISOString(), checkedOut()];
    const recordOf = (cases: BenchCase[]): BenchRecord => ({
      date,
      commit,
      engine: version,
      ...setting,
      cores: cpus().length,
      ceilings: context.ceilings.found,
      avx2: context.ceilings.avx2,
      peers: context.peers.versions,
      shapes: shapeTexts,
      cases: cases.map((one) => withFloor(one, { ceilings: context.ceilings.found, avx2: context.ceilings.avx2 })),
    });
    // After each job, so that a run that is cut off leaves what it has.
    const keep = (cases: BenchCase[]): void => {
      if (flags.json !== undefined) writeWhole(flags.json, `${JSON.stringify(recordOf(cases), null, 1)}\n`);
    };
    const record = recordOf(await measure(jobs, context, keep));
    if (before) writeWhole(flags.amend!, `${JSON.stringify(amended(before, record), null, 1)}\n`); // whole, or not at all
    console.log(`${ceilingsText(record)}\n${caption}\n${terminalTable(record.cases)}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One job's failure takes nothing from the others, and counts as a target missed. */
function failedCase({ name }: Job, error: Error): BenchCase {
  process.exitCode = 1;
  return { part: 'failed', name: `${name}: ${error.message}`, of: '', seconds: 0, rounds: [], peers: [], targets: [target('of the case ended', 0, true, 1)] };
}

await program('bench')
  .description('every speed that the project claims, against ceilings and peers measured in the same run')
  .option('--only <NAME>', 'a part, or the cases whose name begins so (repeatable; all if left out)', repeated(text), [])
  .option('--quick', 'a short run, on the small shape', false)
  .option('--level <NAME>', 'the kernels and ceilings of this instruction set', text)
  .option('--threads <N>', 'of the engine, the ceilings and the peers', whole(1, 1024), availableParallelism())
  .option('--no-peers', 'ours alone')
  .option('--json <FILE>', 'writes the record', text)
  .option('--amend <FILE>', 'puts the cases into this record of the same machine, in place of its own', text)
  .action((flags: Flags) =>
    bench(flags).catch((error: unknown) => {
      if (!(error instanceof PathPressError)) throw error;
      console.error(`error: ${error.message} (${error.code})`);
      process.exitCode = error.exitStatus;
    }),
  )
  .parseAsync();
