/** The native tests under a sanitizer, built in a folder of their own, with counts of our choice. */
import { spawn, spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { PathPressError } from '../engine/errors.js';
import { packageRoot } from '../package.js';

export type Sanitizer = 'address,undefined' | 'thread';

/** Builds native tests and returns their folder, build/asan or build/tsan. @throws NOT_BUILT */
export function buildSanitised(sanitizer: Sanitizer, programs: readonly string[]): string {
  const source = join(packageRoot, 'native');
  const build = join(packageRoot, 'build', sanitizer === 'thread' ? 'tsan' : 'asan');
  // -O1, as the sanitizers' own manuals advise: quick enough, and every access is still there to be checked.
  const options = [`-DPATHPRESS_SANITIZE=${sanitizer}`, '-DCMAKE_BUILD_TYPE=Debug', '-DCMAKE_CXX_FLAGS_DEBUG=-O1'];
  for (const args of [
    ['-S', source, '-B', build, ...options],
    ['--build', build, '--parallel', String(availableParallelism()), '--target', ...programs],
  ]) {
    const { status, error } = spawnSync('cmake', args, { stdio: ['ignore', 'ignore', 'inherit'] });
    if (status === 0) continue;
    const why = error ? error.message : `exit ${status}`;
    throw new PathPressError('NOT_BUILT', `the native tests under ${sanitizer}: cmake ${args.join(' ')} failed (${why})`);
  }
  return build;
}

export interface ProgramEnd {
  status: number | null;
  signal: NodeJS.Signals | null;
  /** The last case that it told of: what it did afterwards is repeated by giving it as the first. */
  reached: number;
  /** Everything else that it printed, the end of it. */
  said: string;
}

const keptOutput = 4000;

/**
 * Runs a native test on `count` cases from `first` on, drawn by `seed` (native/test/check.h). A case that takes two
 * minutes ends it with SIGALRM.
 */
export function runProgram(
  program: string,
  { count, seed, first }: { count: number; seed: number; first: number },
  advance: (done: number) => void,
): Promise<ProgramEnd> {
  const child = spawn(program, [count, seed, first].map(String), {
    cwd: join(packageRoot, 'native'),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let reached = first;
  let said = '';
  let rest = '';
  const hear = (piece: string): void => {
    const lines = (rest + piece).split('\n');
    rest = lines.pop()!;
    for (const line of lines) {
      const told = /^case (\d+)$/.exec(line);
      if (told) advance((reached = Number(told[1])) - first);
      else said = `${said}${line}\n`.slice(-keptOutput);
    }
  };
  child.stdout.setEncoding('utf8').on('data', hear);
  child.stderr.setEncoding('utf8').on('data', (piece: string) => void (said = (said + piece).slice(-keptOutput)));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => resolve({ status, signal, reached, said: said + rest }));
  });
}

/** What went wrong with a program, in words that tell how to repeat it; undefined where it ended well. */
export function faultOf(program: string, seed: number, end: ProgramEnd): string | undefined {
  if (end.status === 0) return undefined;
  const how = end.signal === 'SIGALRM' ? 'hung' : `ended with ${end.signal ?? `exit ${end.status}`}`;
  return `${program} ${how} after case ${end.reached} of seed ${seed}: ${end.said.trim()}`;
}
