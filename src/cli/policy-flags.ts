import type { Command } from 'commander';
import { PathPressError } from '../engine/errors.js';
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
  granularity?: 'layer' | 'head';
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
  'granularity',
] as const;

const number = real(-Number.MAX_VALUE, Number.MAX_VALUE);

// Ranges are the policy's own: it refuses them by name, from a notebook as from here.
export function addPolicyFlags(command: Command): Command {
  return command
    .option('--policy <NAME>', 'full, rpc, recency or random', 'full')
    .option('--interval <P>', 'new tokens between compressions (rpc: 1024)', integer)
    .option('--window <R>', 'latest tokens, kept and voting (rpc: 32)', integer)
    .option('--ratio <C>', 'keep one of C generated entries (rpc: 4)', number)
    .option(
      '--preset <NAME>',
      'rpc: corrected, or reference for what the authors’ code does',
      oneOf('corrected', 'reference'),
    )
    .option('--kernel <K>', 'rpc: width of the pooling, odd (7)', integer)
    .option('--pooling <KIND>', 'rpc: avg, max or none', oneOf('avg', 'max', 'none'))
    .option('--neighbours <KIND>', 'rpc: pool over neighbours in the cache, or by position', oneOf('cache', 'position'))
    .option('--aggregation <LEVEL>', 'rpc: one set a layer, group or head', oneOf('layer', 'group', 'head'))
    .option('--selectors <KIND>', 'rpc: whose queries vote: recent, prompt or all', oneOf('recent', 'prompt', 'all'))
    .option('--budget <KIND>', 'ratio (of the tokens generated) or cap (of --keep entries)', oneOf('ratio', 'cap'))
    .option('--keep <N>', 'with --budget cap: entries held after an eviction', integer)
    .option('--pin-prompt', 'the prompt is never evicted')
    .option('--no-pin-prompt', 'the prompt may be evicted')
    .option('--draw <KIND>', 'random: persistent or redraw', oneOf('persistent', 'redraw'))
    .option('--granularity <LEVEL>', 'random: one set a layer or one a head', oneOf('layer', 'head'));
}

/**
 * The policy that the flags ask for, whole.
 * @throws PathPressError BAD_OPTION, naming option and value
 */
export async function settlePolicyFlags(flags: PolicyFlags): Promise<Policy> {
  const { settlePolicy } = await import('../policies/settle.js');
  return settlePolicy(flags.policy, Object.fromEntries(names.map((name) => [name, flags[name]])));
}

/** An error about an option as one about its flag: `--pin-prompt …` for `pinPrompt …`. */
export function asFlag(error: PathPressError): PathPressError {
  if (error.code !== 'BAD_OPTION') return error;
  const [option] = error.message.split(' ', 1);
  if (option !== 'policy' && !(names as readonly string[]).includes(option)) return error;
  return new PathPressError('BAD_FLAG', flagOf(option) + error.message.slice(option.length), { cause: error });
}

/** `--pin-prompt` for `pinPrompt`. */
export function flagOf(option: string): string {
  return `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
