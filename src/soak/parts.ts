/** The parts of the soak suite, in the order in which they run. */
import { hardship } from './hardship.js';
import { kill } from './kill.js';
import { longRun } from './long-run.js';
import { nativeParsers } from './native-parsers.js';
import { parsers } from './parsers.js';
import type { Part } from './part.js';
import { pool } from './pool.js';
import { sweepKill } from './sweep-kill.js';
import { aborts, engines, teardown } from './teardown.js';

// A row a part.
export const parts: readonly Part[] = [nativeParsers, parsers, pool, teardown, aborts, engines, kill, sweepKill, hardship, longRun];
