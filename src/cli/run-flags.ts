import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { PathPressError } from '../engine/errors.js';
import { cacheTypes, devices, type CacheType, type Device, type EngineOptions, type ProductType, type Sampling } from '../engine/types.js';
import { bundledModel } from '../package.js';
import type { Policy } from '../policies/policy.js';
import type { Io } from './io.js';
import { addPolicyFlags, flagOf, settlePolicyFlags, type PolicyFlags } from './policy-flags.js';
import { integer, list, oneOf, real, repeated, text, whole } from './values.js';

/** Flags that `generate` and `eval` share, as given. */
export interface RunFlags extends PolicyFlags {
  model?: string;
  device: Device;
  threads?: number;
  cache?: CacheType;
  products?: ProductType;
  maxTokens?: number;
  temperature?: number;
  topP?: number;
  topK?: number;
  minP?: number;
  seed: number;
  stop?: string[];
  stopIds?: number[];
  ignoreEos?: boolean;
}

/** The flags made whole: by the policy's defaults and the model's generation_config.json. */
export interface Run {
  model: string;
  engine: EngineOptions;
  policy: Policy;
  sampling: Sampling;
  maxTokens: number;
  stop: string[];
  /** undefined: the model's own. */
  stopIds?: number[];
}

export function addRunFlags(command: Command): Command {
  command
    .option('--model <DIR>', 'a folder in Hugging Face layout (default: the bundled reasoner)', text)
    .option('--device <NAME>', 'cpu, or cuda for the first GPU', oneOf(...devices), 'cpu')
    .option('--threads <N>', 'worker threads (default: all cores)', whole(1, 1024));
  return addPolicyFlags(command)
    .option(
      '--cache <TYPE>',
      'type of the cached keys and values: f32, bf16, int8 or int4 (default: the weights’)',
      oneOf(...cacheTypes),
    )
    .option(
      '--products <TYPE>',
      'what products see of their inputs, those of a bf16 cache too: float32, or bf16, which is faster (default: float32)',
      oneOf('float32', 'bf16'),
    )
    .option('--max-tokens <N>', 'tokens to generate at most', whole(1, 2 ** 31 - 1))
    .option('--temperature <T>', '0 is greedy', real(0))
    .option('--top-p <P>', 'sample from the fewest tokens that hold this share', real(0, 1, { open: true }))
    .option('--top-k <K>', 'sample from the K likeliest tokens; 0 is off', whole(0))
    .option('--min-p <P>', 'leave out tokens below this share of the likeliest; 0 is off', real(0, 1))
    .option('--seed <S>', 'key of every random number', whole(0), 0)
    .option('--stop <TEXT>', 'end at this text, which is cut off (repeatable)', repeated(text))
    .option('--stop-ids <IDS>', 'end at one of these ids (default: the model’s end of text)', list(integer))
    .option('--ignore-eos', 'do not end at the model’s end of text');
}

/**
 * Settles the flags: every default filled in, everything that can be refused without the model's weights refused. Says
 * what the model's generation_config.json asks for in vain.
 * @throws PathPressError BAD_FLAG, BAD_OPTION, BAD_FILE or BAD_CONFIG.
 */
export async function settleRun(flags: RunFlags, io: Io): Promise<Run> {
  const model = flags.model ?? bundledModel('reasoner');
  const noRandomness = (['topP', 'topK', 'minP'] as const).find(
    (name) => flags[name] !== undefined && flags.temperature === 0,
  );
  if (noRandomness) {
    throw new PathPressError(
      'BAD_FLAG',
      `${flagOf(noRandomness)} ${flags[noRandomness]} means nothing with --temperature 0, which is greedy`,
    );
  }
  const policy = await settlePolicyFlags(flags);
  if (!existsSync(model)) throw new PathPressError('BAD_FILE', `--model ${model}: no such folder`);
  const { generationDefaults, unheededSettings } = await import('../evaluate/defaults.js');
  const defaults = await generationDefaults(model);
  for (const setting of await unheededSettings(model))
    io.err(`note: ${join(model, 'generation_config.json')} asks for ${setting}, which is not applied\n`);
  return {
    model,
    engine: { model, device: flags.device, threads: flags.threads, cache: flags.cache, products: flags.products },
    policy,
    sampling: {
      temperature: flags.temperature ?? defaults.temperature,
      topP: flags.topP ?? defaults.topP,
      topK: flags.topK ?? defaults.topK,
      minP: flags.minP ?? defaults.minP,
      seed: flags.seed,
    },
    maxTokens: flags.maxTokens ?? defaults.maxTokens,
    stop: flags.stop ?? [],
    stopIds: flags.stopIds ?? (flags.ignoreEos ? [] : undefined),
  };
}
