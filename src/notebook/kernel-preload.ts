/**
 * Loaded into the tslab kernel before tslab (`node --import`): cures two defects by which output is lost.
 *
 * tslab 1.0.22 never awaits `send()`, and zeromq refuses a send while 512 are under way: after some 400 prints in one
 * tick both output and the message that a cell has ended were lost, and every runner hung, Jupyter's too. Sends are
 * queued here. And a publisher drops messages silently above its high-water mark: it gets none.
 */
import { createRequire } from 'node:module';

interface Socket {
  send(message: unknown): Promise<void>;
  close(): void;
}
type SocketClass = new (options?: object) => Socket;

/** The last send of each socket; zeromq's sockets take no properties. */
const last = new WeakMap<Socket, Promise<void>>();

function queued(base: SocketClass): SocketClass {
  return class extends base {
    constructor(options?: object) {
      super({ ...options, sendHighWaterMark: 0 });
    }

    override send(message: unknown): Promise<void> {
      const sent = (last.get(this) ?? Promise.resolve()).then(() => super.send(message)).catch(() => undefined); // closed: nobody listens
      last.set(this, sent);
      return sent;
    }

    override close(): void {
      void (last.get(this) ?? Promise.resolve()).then(() => super.close());
    }
  };
}

const tslab = createRequire(import.meta.url).resolve('tslab/dist/main.js');
const zeromq = createRequire(tslab)('zeromq') as Record<string, SocketClass>;
for (const name of ['Publisher', 'Router']) zeromq[name] = queued(zeromq[name]);

// A kernel started by the headless runner ends with it, even where the runner was killed outright.
const runner = Number(process.env.PATHPRESS_RUNNER_PID);
if (runner) setInterval(() => process.ppid !== runner && process.exit(1), 1000).unref();
