/** data/records/soak.json: the last full run of the suite. */
import { cpus } from 'node:os';
import { join } from 'node:path';
import { versions } from '../engine/engine.js';
import { checkedOut, packageRoot, version } from '../package.js';
import { writeWhole } from '../whole-file.js';

export interface PartRecord {
  name: string;
  count: number;
  unit: string;
  seconds: number;
  figures: Record<string, number | string>;
  /** What could not be tried there, and why. */
  skipped: string[];
}

/** Keeps a run in which every part held at its full count, with where, when and on which commit it was. */
export function keepRecord(seed: number, parts: PartRecord[], folder = join(packageRoot, 'data', 'records')): void {
  const path = join(folder, 'soak.json');
  const record = {
    name: 'soak',
    command: 'npm run soak',
    made: new Date().toISOString().slice(0, 10),
    commit: checkedOut(),
    engine: version,
    machine: { processor: cpus()[0]?.model ?? 'unknown', cores: cpus().length, simd: versions().simd },
    seed,
    parts,
  };
  writeWhole(path, `${JSON.stringify(record, null, 1)}\n`);
  console.log(`kept in ${path}`);
}
