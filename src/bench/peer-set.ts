/** The peers on one model at a time: started when first asked for, closed when the next model's turn comes. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { lacking, Peer, python, scripts } from './peers.js';
import { timing, type PeerTiming } from './record.js';
import type { Model } from './shapes.js';

type Request = { do: 'decode'; batch: number; entries: number; steps: number } | { do: 'prefill'; tokens: number };

const patience = 5; // seconds of one peer on one case; a round that was begun is ended

/** A peer in the course of a case. */
interface Runner {
  name: string;
  peer: Peer;
  rounds: number[];
  spent: number;
  missing?: string;
}

export class PeerSet {
  /** Version of each, or why it is missing. */
  readonly versions: Record<string, string> = {};
  readonly #absent = new Map<string, string>();
  #set: string | undefined;
  #peers: Peer[] = [];

  constructor(
    private readonly threads: number,
    private readonly folder: string,
    private readonly wanted: boolean,
  ) {}

  /** For cases that have no peers. */
  none(): PeerSet {
    return new PeerSet(this.threads, this.folder, false);
  }

  /** What would run on this model, ready to be measured; a `narrow` set leaves float32 out, whose weights would take memory. */
  async on(model: Model, narrow = false): Promise<Peer[]> {
    const set = `${model.name}${narrow ? ', narrow' : ''}`;
    if (!this.wanted || this.#set === set) return this.#peers;
    this.close();
    this.#set = set;
    const threads = String(this.threads);
    const noTransformers = lacking(['torch', 'transformers']);
    if (noTransformers) this.#absent.set('transformers', noTransformers);
    else {
      for (const type of narrow ? ['bfloat16'] : ['bfloat16', 'float32']) {
        this.#peers.push(new Peer(`transformers, ${type}`, 'transformers_peer.py', [model.folder, type, threads]));
      }
    }
    const noLlama = lacking(['llama_cpp', 'gguf']);
    if (noLlama) this.#absent.set('llama.cpp', noLlama);
    else {
      const file = join(this.folder, `${model.name}.gguf`);
      const made = spawnSync(python, [join(scripts, 'gguf_file.py'), model.folder, file], { encoding: 'utf8' });
      if (made.status === 0) this.#peers.push(new Peer('llama.cpp', 'llama_peer.py', [file, threads]));
      else this.#absent.set('llama.cpp', `no GGUF file: ${made.stderr.trim().split('\n').at(-1)}`);
    }
    for (const peer of this.#peers) {
      const said = await peer.ask<{ version: string }>({ do: 'version' }).catch((error: Error) => ({ version: error.message }));
      this.versions[peer.name] = said.version;
    }
    for (const [name, why] of this.#absent) this.versions[name] = why;
    return this.#peers;
  }

  close(): void {
    for (const peer of this.#peers) peer.close();
    this.#peers = [];
    this.#set = undefined;
  }

  /**
   * `rounds` rounds of `own`, each followed by one of every peer, so that what disturbs the machine strikes all. Of
   * transformers' two types the slower goes after a round; every peer has had a short untimed one before; `narrow` as `on()`.
   */
  async interleaved<Own>(
    model: Model,
    rounds: number,
    own: () => Promise<Own>,
    request: Request,
    narrow: boolean,
  ): Promise<{ own: Own[]; peers: PeerTiming[] }> {
    const peers = await this.on(model, narrow);
    const runners: Runner[] = peers.map((peer) => ({ name: peer.name, peer, rounds: [], spent: 0 }));
    const mine: Own[] = [];
    for (const { peer } of runners) await peer.ask(shortened(request)).catch(() => undefined); // it fails again where it counts
    for (let round = 0; round < rounds; round++) {
      mine.push(await own());
      for (const runner of runners) {
        if (runner.missing || runner.spent > patience) continue;
        await ask(runner, request);
      }
      if (round === 0) dropSlower(runners);
    }
    return { own: mine, peers: [...runners.map(row), ...[...this.#absent].map(([name, missing]) => ({ name, missing }))] };
  }
}

/** What is mapped, allocated and compiled at first use is not counted, ours or theirs. */
const shortened = (request: Request): Record<string, unknown> => (request.do === 'prefill' ? { ...request, tokens: 32 } : { ...request, steps: 1 });

async function ask(runner: Runner, request: Request): Promise<void> {
  const start = performance.now();
  try {
    runner.rounds.push((await runner.peer.ask<{ seconds: number }>({ ...request })).seconds);
  } catch (error) {
    runner.missing = (error as Error).message;
  }
  runner.spent += (performance.now() - start) / 1000;
}

function dropSlower(runners: Runner[]): void {
  const [a, b] = runners.filter(({ name, rounds }) => name.startsWith('transformers') && rounds.length > 0);
  if (a && b) runners.splice(runners.indexOf(a.rounds[0] > b.rounds[0] ? a : b), 1);
}

const row = ({ name, rounds, missing }: Runner): PeerTiming =>
  rounds.length > 0 ? { name, ...timing(rounds) } : { name, missing: missing ?? 'not measured' };
