import type { Command } from 'commander';
import { PathPressError, RefusedOptions, refusalText } from '../engine/errors.js';
import type { Policy } from '../policies/policy.js';
import { integer, oneOf, real } from './values.js';

/** Flags of the cache policy as given: what was left out is absent, and the policy fills it in. */
export interface PolicyFlags {
  policy: string;
  interval?: number;
  window?: number;
  ratio?: number;
  preset?: 'corrected' | 'reference';
  kernel?: number;
  pooling?: 'avg' | 'max' | 'none';
  neighbours?: 'cache' | 'position';
  aggregation?: 'layer' | 'group' | 'head';
  selectors?: 'recent' | 'prompt' | 'all';
  budget?: 'ratio' | 'cap';
  keep?: number;
  pinPrompt?: boolean;
  draw?: 'persistent' | 'redraw';
  drawSeed?: number;
  granularity?: 'layer' | 'head';
  run?: number;
  ahead?: number;
  moment?: 'sure' | 'unsure';
  sinks?: number;
  recent?: 'half' | 'window';
  lambda?: number;
  threshold?: number;
  floor?: number;
}

const names = [
  'interval',
  'window',
  'ratio',
  'preset',
  'kernel',
  'pooling',
  'neighbours',
  'aggregation',
  'selectors',
  'budget',
  'keep',
  'pinPrompt',
  'draw',
  'drawSeed',
  'granularity',
  'run',
  'ahead',
  'moment',
  'sinks',
  'recent',
  'lambda',
  'threshold',
  'floor',
] as const;

const number = real();

// Ranges are the policy's own: it refuses them by name, from a notebook as from here.
export function addPolicyFlags(command: Command): Command {
  return command
    .option(
      '--policy <NAME>',
      'full, rpc, recency, random, rpc-shuffled, rpc-inverted, lookahead, adaptive, h2o, tova, streaming, snapkv, snapkv-decode, adakv, r-kv, vase, raas, lazy-eviction or quest',
      'full',
    )
    .option('--interval <P>', 'new tokens between compressions (rpc: 1024)', integer)
    .option('--window <R>', 'latest tokens, kept and voting (rpc: 32)', integer)
    .option('--ratio <C>', 'keep one of C generated entries (rpc: 4)', number)
    .option(
      '--preset <NAME>',
      'rpc: corrected, or reference for what the authors’ code does',
      oneOf('corrected', 'reference'),
    )
    .option('--kernel <K>', 'of policies that vote: width of the pooling, odd (rpc: 7)', integer)
    .option('--pooling <KIND>', 'of policies that vote: avg, max or none', oneOf('avg', 'max', 'none'))
    .option('--neighbours <KIND>', 'rpc: pool over neighbours in the cache, or by position', oneOf('cache', 'position'))
    .option('--aggregation <LEVEL>', 'one set a layer, a key-value head (group) or, of rpc, a query head (head)', oneOf('layer', 'group', 'head'))
    .option('--selectors <KIND>', 'rpc: whose queries vote: recent, prompt or all', oneOf('recent', 'prompt', 'all'))
    .option('--budget <KIND>', 'ratio (of the tokens generated) or cap (of --keep entries)', oneOf('ratio', 'cap'))
    .option('--keep <N>', 'with --budget cap: entries held after an eviction; quest: entries read by a pass', integer)
    .option('--pin-prompt', 'the prompt is never evicted')
    .option('--no-pin-prompt', 'the prompt may be evicted')
    .option('--draw <KIND>', 'random: persistent or redraw', oneOf('persistent', 'redraw'))
    .option('--draw-seed <S>', 'random, rpc-shuffled, vase: key of the lots in place of --seed', integer)
    .option('--granularity <LEVEL>', 'random: one set a layer or one a head', oneOf('layer', 'head'))
    .option('--run <L>', 'random: neighbouring positions drawn together (1)', integer)
    .option('--ahead <N>', 'lookahead: tokens generated to see what they attend to (an interval)', integer)
    .option('--moment <KIND>', 'adaptive: an interval ends where the model is sure, or unsure', oneOf('sure', 'unsure'))
    .option('--sinks <N>', 'streaming, vase: first entries that never leave (4)', integer)
    .option('--recent <KIND>', 'h2o: half of its room for the latest, or the window', oneOf('half', 'window'))
    .option('--lambda <SHARE>', 'r-kv: share of the votes against redundancy (0.1)', number)
    .option('--threshold <SHARE>', 'lazy-eviction: attention above it counts as a visit (0.0001)', number)
    .option('--floor <SHARE>', 'adakv: share of its places that a head keeps in any case (0.2)', number);
}

/**
 * The policy that the flags ask for, whole.
 * @throws PathPressError BAD_OPTION, naming option and value
 */
export async function settlePolicyFlags(flags: PolicyFlags): Promise<Policy> {
  const { settlePolicy } = await import('../policies/settle.js');
  return settlePolicy(flags.policy, Object.fromEntries(names.map((name) => [name, flags[name]])));
}

/** An error about options as one about their flags: `--pin-prompt …` for `pinPrompt …`. */
export function asFlag(error: PathPressError): PathPressError {
  if (error.code !== 'BAD_OPTION') return error;
  if (error instanceof RefusedOptions) {
    const flags = error.refusals.map((refusal) => refusalText({ ...refusal, option: flagOf(refusal.option) }));
    return new PathPressError('BAD_FLAG', flags.join('; '), { cause: error });
  }
  const [option] = error.message.split(/:? /, 1);
  if (!named.includes(option)) return error;
  return new PathPressError('BAD_FLAG', flagOf(option) + error.message.slice(option.length), { cause: error });
}

/** Options whose errors begin with their name, which is a flag's too: a policy's where the engine refuses it for a prompt. */
const named: readonly string[] = [...names, 'device', 'cache', 'products', 'stopIds', 'contrast'];

/** `--pin-prompt` for `pinPrompt`. */
export function flagOf(option: string): string {
  return `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
