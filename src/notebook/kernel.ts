/** A headless tslab kernel: one process, spoken to over zeromq, without Python or Jupyter. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Dealer, Subscriber } from 'zeromq';
import { PathPressError } from '../engine/errors.js';
import { kernelArguments } from './command.js';
import { decodeMessage, encodeRequest, type Message } from './messages.js';

const startSeconds = 120;
/** How long a kernel gets to react to a signal before the next, harder one. */
const graceMs = 2000;
/** Unix sockets take 107 bytes; a long TMPDIR is not used. */
const socketRoot = os.tmpdir().length < 60 ? os.tmpdir() : '/tmp';

interface Waiting {
  onMessage: (message: Message) => void;
  reply?: Message;
  idle: boolean;
  done: (reply: Message) => void;
}

export interface KernelOptions {
  /** Working folder: relative imports of cells start here. */
  folder: string;
  env?: Record<string, string | undefined>;
}

export class Kernel {
  private readonly key = randomUUID();
  private readonly session = randomUUID();
  private readonly sockets = mkdtempSync(path.join(socketRoot, 'pathpress-'));
  private readonly shell = new Dealer({ linger: 0 });
  private readonly iopub = new Subscriber({ linger: 0, receiveHighWaterMark: 0 });
  private readonly waiting = new Map<string, Waiting>();
  private readonly child: ChildProcess;
  private sending: Promise<unknown> = Promise.resolve();
  private spoken = '';
  /** Settles when the process has ended. */
  private readonly ended: Promise<void>;
  private alive = true;

  private constructor(options: KernelOptions) {
    const address = path.join(this.sockets, 'k');
    const ports = { shell_port: 1, iopub_port: 2, stdin_port: 3, control_port: 4, hb_port: 5 };
    const connection = { transport: 'ipc', ip: address, key: this.key, signature_scheme: 'hmac-sha256', ...ports };
    const file = path.join(this.sockets, 'connection.json');
    writeFileSync(file, JSON.stringify(connection), { mode: 0o600 });
    const env = { ...process.env, ...options.env, NO_COLOR: '1', FORCE_COLOR: undefined, PATHPRESS_RUNNER_PID: String(process.pid) };
    this.child = spawn(process.execPath, [...kernelArguments(), file], { cwd: options.folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (data: Buffer) => (this.spoken = (this.spoken + data.toString()).slice(-2000)));
    }
    this.ended = new Promise<void>((resolve) => {
      for (const event of ['exit', 'error']) this.child.once(event, () => resolve());
    }).then(() => void (this.alive = false));
    this.shell.connect(`ipc://${address}:${ports.shell_port}`);
    this.iopub.connect(`ipc://${address}:${ports.iopub_port}`);
    this.iopub.subscribe();
    for (const socket of [this.shell, this.iopub]) void this.listen(socket);
  }

  /** @throws PathPressError `NOTEBOOK_FAILED` when no kernel answers; `NOT_BUILT` before a build. */
  static async start(options: KernelOptions): Promise<Kernel> {
    const kernel = new Kernel(options);
    const until = Date.now() + startSeconds * 1000;
    try {
      for (;;) {
        const answered = await Promise.race([kernel.request('kernel_info_request', {}).then(() => true), sleep(500, false)]);
        if (answered) return kernel;
        if (!kernel.alive) throw new PathPressError('NOTEBOOK_FAILED', `the tslab kernel ended at its start: ${kernel.spoken.trim()}`);
        if (Date.now() > until) throw new PathPressError('NOTEBOOK_FAILED', `the tslab kernel did not answer in ${startSeconds} s: ${kernel.spoken.trim()}`);
      }
    } catch (error) {
      await kernel.stop();
      throw error;
    }
  }

  private async listen(socket: Dealer | Subscriber): Promise<void> {
    try {
      for await (const frames of socket) {
        const message = decodeMessage(this.key, frames);
        const waiting = message && this.waiting.get(message.parent);
        if (!waiting) continue;
        if (message.type.endsWith('_reply')) waiting.reply = message;
        else if (message.type !== 'status') waiting.onMessage(message);
        else if (message.content.execution_state === 'idle') waiting.idle = true;
        if (waiting.reply && waiting.idle) waiting.done(waiting.reply); // kept: late output still finds its cell
      }
    } catch (error) {
      if (!socket.closed) throw error;
    }
  }

  /** Answered when both the reply and the end of its output have come; rejects when the process ends first. */
  private request(type: string, content: object, onMessage: (message: Message) => void = () => undefined): Promise<Message> {
    const { id, frames } = encodeRequest(this.key, this.session, type, content);
    const answer = new Promise<Message>((done) => this.waiting.set(id, { onMessage, idle: false, done }));
    this.sending = this.sending.then(() => this.shell.send(frames)).catch(() => undefined);
    const gone = this.ended.then(() => {
      throw new PathPressError('NOTEBOOK_FAILED', `the kernel ended (${this.child.signalCode ?? `exit status ${this.child.exitCode}`}): ${this.spoken.trim()}`);
    });
    return Promise.race([answer, gone]);
  }

  /** Runs code; `onMessage` gets its output in order, also what a forgotten promise prints right after it. Gives the status. */
  async execute(code: string, onMessage: (message: Message) => void): Promise<'ok' | 'error' | 'abort'> {
    const content = { code, silent: false, store_history: true, user_expressions: {}, allow_stdin: false, stop_on_error: true };
    const reply = await this.request('execute_request', content, onMessage);
    await this.request('kernel_info_request', {}); // its answer follows whatever the cell left behind
    return reply.content.status as 'ok' | 'error' | 'abort';
  }

  private signal(signal: NodeJS.Signals): Promise<unknown> {
    this.child.kill(signal);
    return Promise.race([this.ended, sleep(graceMs, undefined, { ref: false })]);
  }

  /** Interrupts the running cell: politely, since native code may have to let go of its threads. */
  async interrupt(): Promise<void> {
    if (this.alive) this.child.kill('SIGINT');
    await Promise.race([this.ended, sleep(graceMs, undefined, { ref: false })]);
  }

  /** Ends the process: asks, then SIGTERM (a loop does not hear SIGINT), then SIGKILL. Nothing is left behind. */
  async stop(politely = true): Promise<void> {
    if (this.alive && politely) {
      const asked = this.request('shutdown_request', { restart: false }).then(() => this.ended);
      await Promise.race([asked.catch(() => undefined), sleep(graceMs, undefined, { ref: false })]);
    }
    if (this.alive) await this.signal('SIGTERM');
    if (this.alive) await this.signal('SIGKILL');
    this.shell.close();
    this.iopub.close();
    rmSync(this.sockets, { recursive: true, force: true });
  }
}
