/** Other engines on the same weights, in child processes that answer one request a line. */
import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { join, resolve as resolvePath } from 'node:path';
import { createInterface } from 'node:readline';
import { PathPressError } from '../engine/errors.js';
import { packageRoot } from '../package.js';

export const scripts = join(packageRoot, 'src', 'bench', 'peers');
export const python = process.env.PYTHON ?? 'python3';

/** What a script prints as JSON; undefined where it cannot run. */
export function askPython<T>(script: string, args: string[]): T | undefined {
  const { status, stdout } = spawnSync(python, [join(scripts, script), ...args], { encoding: 'utf8' });
  return status === 0 ? (JSON.parse(stdout) as T) : undefined;
}

/** Whether Python has the modules; else which it lacks. */
export function lacking(modules: string[]): string | undefined {
  const test = modules.map((name) => `import ${name}`).join('\n');
  const { status, error } = spawnSync(python, ['-c', test], { encoding: 'utf8' });
  if (error) return `no ${python}`;
  return status === 0 ? undefined : `Python lacks ${modules.join(' or ')}`;
}

/** A script that stays. */
export class Peer {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting: ((line: string | undefined) => void)[] = [];
  #said = '';
  #ended = false;

  constructor(
    readonly name: string,
    script: string,
    args: string[],
  ) {
    this.#child = spawn(python, [resolvePath(scripts, script), ...args], { env: { ...process.env, PYTHONWARNINGS: 'ignore' } });
    this.#child.stderr.on('data', (text: Buffer) => (this.#said = (this.#said + text.toString()).slice(-2000)));
    createInterface(this.#child.stdout).on('line', (line) => this.#waiting.shift()?.(line));
    const end = (): void => {
      this.#ended = true;
      for (const settle of this.#waiting.splice(0)) settle(undefined);
    };
    this.#child.on('close', end).on('error', end); // not at its exit: its last answer may still be on the way
    this.#child.stdin.on('error', end);
  }

  /**
   * @param seconds after which it counts as hung, and is killed
   * @throws PathPressError INTERNAL with what the script said where it failed
   */
  async ask<T>(request: Record<string, unknown>, seconds = 300): Promise<T> {
    let hung = false;
    const timer = setTimeout(() => {
      hung = true;
      this.#child.kill('SIGKILL');
    }, 1000 * seconds);
    const line = await new Promise<string | undefined>((resolve) => {
      if (this.#ended) return resolve(undefined);
      this.#waiting.push(resolve);
      this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    });
    clearTimeout(timer);
    if (hung) throw new PathPressError('INTERNAL', `${this.name} gave no answer in ${seconds} s`);
    const lastWords = this.#said.trim().split(/[\r\n]/).at(-1);
    if (line === undefined) throw new PathPressError('INTERNAL', `${this.name} ended: ${lastWords}`);
    const answer = JSON.parse(line) as T & { error?: string };
    if (answer.error) throw new PathPressError('INTERNAL', answer.error);
    return answer;
  }

  close(): void {
    this.#child.stdin.end();
    this.#child.kill();
  }
}
