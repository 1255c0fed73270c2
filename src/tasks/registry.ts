import { chains } from './chains.js';
import { loops } from './loops.js';
import { passcode } from './passcode.js';
import type { TrainingTask } from './task.js';

/** Every benchmark, a row each. */
export const tasks: Readonly<Record<string, TrainingTask>> = { loops, chains, passcode };
