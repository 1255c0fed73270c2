import { chains } from './chains.js';
import { loops } from './loops.js';
import { passcode } from './passcode.js';
import type { Task } from './task.js';

/** Every benchmark, a row each. */
export const tasks: Readonly<Record<string, Task>> = { loops, chains, passcode };
