/** Runs a sweep into its folder, or goes on with it. */
import { batchOf } from '../evaluate/batch.js';
import { sampleKey } from '../evaluate/evaluate.js';
import type { EvalRecord } from '../evaluate/record.js';
import { RecordsFile } from '../evaluate/records-file.js';
import { crewOf, shareOfMemory, type Crew } from './crew.js';
import { cellPath, cellRecords, checkSweepFolder, openSweepFolder } from './folder.js';
import { RunLock } from '../run-lock.js';
import type { Order } from './messages.js';
import type { SweepPlan } from './plan.js';
import { runPieces, type Piece } from './pool.js';
import { samplesOf } from './shard.js';

/** Where a sweep goes, and with how much of the machine: what is left out follows from cores and weights (`crewOf`). */
export interface RunSweepOptions extends Partial<Crew> {
  /** Its folder: made, or gone on with. */
  out: string;
  /** Go on also where the sweep has grown since the folder was begun: all that is there is part of it. */
  extend?: boolean;
  /** Samples in flight at once in a worker; `batchOf` if left out. Never changes one. */
  batch?: number;
  signal?: AbortSignal;
  /** Told at the start and after each record. */
  onProgress?: (progress: { done: number; total: number; tokens: number }) => void;
}

/** How a run ended: samples recorded in the folder, those of earlier runs included, and of this run alone. */
export interface SweepRun {
  done: number;
  total: number;
  ran: number;
  tokens: number;
  seconds: number;
  interrupted: boolean;
}

/**
 * Runs what is missing of a plan. Records are appended and flushed by this process alone, so that a kill of it or of a
 * worker loses the samples in flight and no record, and a worker that outlives it writes nothing.
 * @throws PathPressError BUSY where another run is at work in the folder, or takes it over; RECORD_MISMATCH where the folder is of another
 *   sweep; WRITE_FAILED; what a worker could not do.
 */
export async function runSweep({ manifest, folders, load }: SweepPlan, options: RunSweepOptions): Promise<SweepRun> {
  const { out, extend, signal, onProgress } = options;
  const { workers, threads } = crewOf(options, load);
  const batch = options.batch ?? batchOf(workers, load);
  await checkSweepFolder(out, manifest, extend);
  const started = performance.now();
  const lock = new RunLock(out);
  const files = new Map<number, { file: RecordsFile; left: number }>();
  const order = ({ cell, samples }: Piece): Omit<Order, 'id'> => ({
    folder: folders[cell]!, settings: manifest.cells[cell]!.settings, samples, threads, batch, cacheLimit: shareOfMemory(workers),
  }); // prettier-ignore
  const engineOf = ({ cell }: Piece): string => JSON.stringify([folders[cell], manifest.cells[cell]!.settings.cache]);
  try {
    await openSweepFolder(out, manifest, extend);
    const { missing, before } = missingSamples(out, manifest);
    const total = before + missing.reduce((sum, { samples }) => sum + samples.length, 0);
    const progress = { done: before, total, tokens: 0 };
    lock.begin(before, total);
    onProgress?.({ ...progress });
    const interrupted = await runPieces(pieces(missing, workers, batch), {
      workers,
      batch,
      order,
      together: (a, b) => engineOf(a) === engineOf(b),
      signal,
      onRecord: ({ cell }, record) => {
        append(cell, record);
        progress.done += 1;
        progress.tokens += record.generatedTokens;
        lock.tell(progress.done, progress.tokens);
        onProgress?.({ ...progress });
      },
    });
    const seconds = (performance.now() - started) / 1000;
    return { ...progress, ran: progress.done - before, seconds, interrupted: interrupted && progress.done < total };
  } finally {
    for (const { file } of files.values()) file.close();
    lock.release();
  }

  function append(number: number, record: EvalRecord): void {
    lock.check();
    const cell = manifest.cells[number]!;
    let open = files.get(number);
    if (!open) {
      const file = new RecordsFile(cellPath(out, cell), cell.settings, { guarded: true });
      files.set(number, (open = { file, left: samplesOf(cell, number, manifest.shard).length - file.records.length }));
    }
    open.file.append(record);
    open.left -= 1;
    if (open.left > 0) return;
    open.file.close();
    files.delete(number);
  }
}

/** What each cell lacks, cells in order; the records that are there are checked on the way. */
function missingSamples(out: string, manifest: SweepPlan['manifest']): { missing: Piece[]; before: number } {
  let before = 0;
  const missing = manifest.cells.flatMap((cell, number) => {
    const wanted = samplesOf(cell, number, manifest.shard);
    if (wanted.length === 0) return [];
    const have = new Set(cellRecords(out, manifest, number).map(sampleKey));
    before += have.size;
    const samples = wanted.filter((sample) => !have.has(sampleKey(sample)));
    return samples.length ? [{ cell: number, samples }] : [];
  });
  return { missing, before };
}

const fewestOfPiece = 2; // batches: the next piece joins while the last batch of this one runs out

/** A cell in as many pieces as there are workers, but in none too small to keep a batch filled. */
function* pieces(missing: readonly Piece[], workers: number, batch: number): Generator<Piece> {
  for (const { cell, samples } of missing) {
    const size = Math.max(fewestOfPiece * batch, Math.ceil(samples.length / workers));
    for (let at = 0; at < samples.length; at += size) yield { cell, samples: samples.slice(at, at + size) };
  }
}
