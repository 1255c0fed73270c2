/** Hostile checkpoints for the native readers, handcrafted and mutated, under the address and undefined sanitizers. */
import { join } from 'node:path';
import { newOutcome, type Part } from './part.js';
import { buildSanitised, faultOf, runProgram } from './sanitised.js';

const handcrafted = 'safetensors_test';
const mutated = 'parsers_test';

export const nativeParsers: Part = {
  name: 'native-parsers',
  title: 'safetensors and model configuration, mutated, under ASan and UBSan',
  unit: 'mutations',
  full: 1_000_000,
  async run({ count, seed, first, progress }) {
    const outcome = newOutcome();
    const build = buildSanitised('address,undefined', [handcrafted, mutated]);
    const runs = [
      { program: handcrafted, cases: { count: 1, seed, first: 0 }, advance: () => undefined },
      { program: mutated, cases: { count, seed, first }, advance: progress },
    ];
    for (const { program, cases, advance } of runs) {
      const end = await runProgram(join(build, program), cases, advance);
      outcome.figures[program] = end.said.trim().replaceAll('\n', '; ');
      const fault = faultOf(program, seed, end);
      if (fault) outcome.fault(fault);
    }
    return outcome;
  },
};
