/** One run on the native engine: requests go in together, tokens and results come back as they are made. */
import type { NativeBatch, NativeEngine, NativeRequest, NativeResult } from './binding.js';
import { PathPressError, toError } from './errors.js';
import type { RpcPolicy } from '../policies/policy.js';
import { askScorer, type Candidates } from '../policies/scorer.js';
import type { GenerateResult } from './types.js';

export interface RunHandlers {
  onToken?: (request: number, id: number) => boolean | void;
  onResult: (request: number, result: GenerateResult, native: NativeResult) => void | Promise<void>;
}

let lastRun = 0;

export class Run {
  readonly id = ++lastRun;
  /** Resolves after the last result was handled; rejects with the first error of the engine, a request or a handler. */
  readonly done: Promise<void>;
  private settle!: { resolve: () => void; reject: (reason: unknown) => void };
  private failure: unknown; // the first, of the run or of one request, which leaves the others running
  private aborting = false;
  private readonly handled: Promise<void>[] = [];
  private readonly stoppedByHandler = new Set<number>();

  /** @throws PathPressError where a request is refused. */
  constructor(
    private readonly native: NativeEngine,
    private readonly requests: NativeRequest[],
    batch: number,
    private readonly loadSeconds: number,
    private readonly handlers: RunHandlers,
  ) {
    this.done = new Promise((resolve, reject) => (this.settle = { resolve, reject }));
    this.done.catch(() => undefined); // whoever awaits it hears of it; nobody else need
    try {
      native.start(this.id, requests, batch, (events) => this.receive(events));
    } catch (error) {
      throw toError(error);
    }
  }

  abort(): void {
    this.native.abort(this.id);
  }

  stop(request: number): void {
    this.native.stop(this.id, request, false);
  }

  abortOne(request: number): void {
    this.native.stop(this.id, request, true);
  }

  private fail(error: unknown): void {
    this.failure ??= { error };
    this.aborting = true;
    this.abort();
  }

  private receive(events: NativeBatch): void {
    try {
      for (let i = 0; i < events.tokens.length; i += 2) this.receiveToken(events.tokens[i], events.tokens[i + 1]);
      for (const result of events.results) {
        const handled = this.handlers.onResult(result.request, this.toResult(result), result);
        if (handled) this.handled.push(Promise.resolve(handled).catch((error: unknown) => this.fail(error)));
      }
      for (const { request, number, ballots } of events.questions) this.answer(request, number, ballots);
    } catch (error) {
      this.fail(error);
    }
    for (const error of events.failures) this.failure ??= { error: toError(error) };
    if (events.error) this.fail(toError(events.error));
    if (!events.done) return;
    void Promise.all(this.handled).then(() => {
      if (this.failure) this.settle.reject((this.failure as { error: unknown }).error);
      else this.settle.resolve();
    });
  }

  private receiveToken(request: number, id: number): void {
    const said: unknown = this.handlers.onToken?.(request, id);
    if (typeof (said as Promise<unknown> | undefined)?.then === 'function') {
      Promise.resolve(said).catch(() => undefined); // the error below is the one to hear of
      throw new PathPressError('BAD_OPTION', `onTokens of request ${request} gave a promise: the sequence waits for its answer, so it must not be async`);
    }
    const stop = said === true;
    if (!this.requests[request].lockstep) return;
    if (stop) {
      this.stoppedByHandler.add(request);
      this.stop(request);
    } else this.native.acknowledge(this.id, request);
  }

  private answer(request: number, question: number, ballots: Candidates[]): void {
    if (this.aborting) return;
    const { score } = this.requests[request].policy as RpcPolicy;
    this.native.answer(this.id, request, question, ballots.map((candidates) => askScorer(score!, candidates, request)));
  }

  /** At the last permitted token the engine ends a sequence before the handler has seen it: what the handler says holds. */
  private finishOf({ request, finish }: NativeResult): GenerateResult['finish'] {
    return finish === 'length' && this.stoppedByHandler.has(request) ? 'stop' : finish;
  }

  private toResult(native: NativeResult): GenerateResult {
    return {
      ids: Array.from(native.ids),
      finish: this.finishOf(native),
      promptTokens: native.promptTokens,
      generatedTokens: native.ids.length,
      compressions: native.compressions,
      ...(native.evictions && { evictions: native.evictions }),
      cache: native.cache,
      seconds: {
        load: this.loadSeconds,
        prefill: native.prefillSeconds,
        decode: native.decodeSeconds,
        compress: native.compressSeconds,
      },
      ...(this.requests[native.request].trace ? { trace: native.trace } : {}),
    };
  }
}
