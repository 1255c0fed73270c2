/** Block pool and scheduler under random lives, with the address sanitizer and with the thread sanitizer. */
import { join } from 'node:path';
import { newOutcome, type Part } from './part.js';
import { buildSanitised, faultOf, runProgram, type Sanitizer } from './sanitised.js';

const programs = ['cache_test', 'scheduler_test'];
const sanitizers: Sanitizer[] = ['address,undefined', 'thread'];

export const pool: Part = {
  name: 'pool',
  title: 'random admission, steps, compression, abort and preemption, under ASan and TSan',
  unit: 'runs',
  full: 10_000,
  async run({ count, seed, first, progress }) {
    const outcome = newOutcome();
    const passes = sanitizers.flatMap((sanitizer) => programs.map((program) => ({ sanitizer, program })));
    for (const [i, { sanitizer, program }] of passes.entries()) {
      const build = buildSanitised(sanitizer, programs);
      const started = performance.now();
      const advance = (done: number): void => progress(Math.floor((i * count + done) / passes.length));
      const end = await runProgram(join(build, program), { count, seed, first }, advance);
      const seconds = (performance.now() - started) / 1000;
      outcome.figures[`${program}, ${sanitizer}`] = `${end.said.trim().split('\n').at(-1)} in ${seconds.toFixed(0)} s`;
      const fault = faultOf(`${program} (${sanitizer})`, seed, end);
      if (fault) outcome.fault(fault);
    }
    return outcome;
  },
};
