/** Programs whose lines are read as they come. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { PathPressError } from '../engine/errors.js';

/**
 * Runs a program; what it says on standard error goes to this process's.
 * @param expected exit statuses that are no failure
 * @returns the exit status
 * @throws PathPressError INTERNAL where it does not start or fails; what `onLine` throws
 */
export async function run(command: string, args: string[], onLine: (line: string) => void, expected: readonly number[] = [0]): Promise<number> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', (cause) => reject(new PathPressError('INTERNAL', `${command}: ${cause.message}`, { cause })));
    child.once('close', (code) => resolve(code ?? 1));
  });
  ended.catch(() => undefined); // until it is awaited below
  try {
    for await (const line of createInterface({ input: child.stdout })) onLine(line);
  } catch (error) {
    child.kill(); // nobody reads on
    throw error;
  }
  const code = await ended;
  if (!expected.includes(code)) throw new PathPressError('INTERNAL', `${command} ${args.join(' ')} failed (exit ${code})`);
  return code;
}
