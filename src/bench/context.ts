/** What the parts of the bench share. */
import type { Measured } from './ceilings.js';
import type { EngineChoice } from './engine.js';
import type { PeerSet } from './peer-set.js';
import type { BenchCase } from './record.js';
import type { Models } from './shapes.js';

export interface Context extends EngineChoice {
  quick: boolean;
  ceilings: Measured;
  models: Models;
  peers: PeerSet;
  /** For what a part writes. */
  folder: string;
  /** Bytes that a case may hold at once. */
  memory: number;
}

/** Cases that are measured together. */
export interface Job {
  name: string;
  /** About how long it takes, seconds, for the progress bar. */
  estimate: number;
  run(context: Context): Promise<BenchCase[]>;
}

export interface Part {
  name: string;
  jobs(quick: boolean): Job[];
}
