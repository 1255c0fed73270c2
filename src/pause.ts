import { setImmediate } from 'node:timers/promises';

/**
 * Lets the event loop turn once: work that only ever awaits what is ready would keep Ctrl-C and every timer waiting.
 * @throws the signal's reason where it is aborted by then
 */
export async function pause(signal?: AbortSignal): Promise<void> {
  await setImmediate();
  signal?.throwIfAborted();
}
