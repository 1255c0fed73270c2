import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { News } from './child.js';
import type { Outcome, Part, Work } from './part.js';

/** A part that does not advance for this long, in milliseconds, is hung; building under a sanitizer counts as none. */
const longestSilence = 30 * 60_000;

/** Runs a part in a process of its own; a crash or a hang of it is a fault like any other. */
export function runPart(part: Part, work: Work): Promise<Outcome> {
  const { progress, ...order } = work;
  const child = fork(fileURLToPath(new URL('./child.js', import.meta.url)), { execArgv: ['--expose-gc'] });
  let outcome: Outcome | undefined;
  let done = 0;
  let hung = false;
  const kill = (): void => {
    hung = true;
    child.kill('SIGKILL');
  };
  let watch = setTimeout(kill, longestSilence);
  child.on('message', (news: News) => {
    if ('outcome' in news) return void (outcome = news.outcome);
    clearTimeout(watch);
    watch = setTimeout(kill, longestSilence);
    progress((done = news.done));
  });
  child.send({ name: part.name, ...order });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => {
      clearTimeout(watch);
      if (outcome && status === 0) return resolve(outcome);
      const how = hung ? `hung for ${longestSilence / 60_000} minutes` : `ended with ${signal ?? `exit ${status}`}`;
      resolve({ figures: {}, faults: [`${part.name} ${how} after ${done} ${part.unit} of seed ${work.seed}`], skipped: [] });
    });
  });
}
