import type { Command } from 'commander';
import { cacheTypes, type CacheType } from '../engine/types.js';
import type { Io } from './io.js';
import { addPolicyFlags, settlePolicyFlags, type PolicyFlags } from './policy-flags.js';
import { oneOf, real, text, whole } from './values.js';

interface PlanFlags extends PolicyFlags {
  batch: number;
  prompt: number;
  length: number;
  cache?: CacheType;
  copies: '1' | '2';
  gpus?: number;
  deviceMemory?: number;
  bandwidth?: number;
  flops?: number;
  json?: boolean;
}

export function addModelPlan(model: Command, io: Io, done: (status: number) => void): void {
  const command = model
    .command('plan')
    .description('what a model needs with a policy, by its config.json alone: bytes, operations, the speed they permit')
    .argument('<DIR|NAME>', 'a folder with config.json, or R1-Distill-Qwen-7B, QwQ-32B, R1-Distill-Llama-8B', text);
  addPolicyFlags(command)
    .option('--batch <N>', 'sequences side by side', whole(1, 1e6), 1)
    .option('--prompt <N>', 'tokens of each prompt', whole(1, 1e7), 128)
    .option('--length <N>', 'tokens that each generates', whole(1, 1e7), 4096)
    .option('--cache <TYPE>', 'of keys and values: f32, bf16, int8 or int4 (default: the weights’)', oneOf(...cacheTypes))
    .option('--copies <N>', '2: with the second copy of the cache of the reference’s benchmark', oneOf('1', '2'), '1')
    .option('--gpus <N>', 'devices that the layers are spread over (default: 1, or the paper’s)', whole(1, 1024))
    .option('--device-memory <GB>', 'of one device', real(0, undefined, { open: true }))
    .option('--bandwidth <GB/s>', 'of one device', real(0, undefined, { open: true }))
    .option('--flops <TFLOP/s>', 'of one device', real(0, undefined, { open: true }))
    .option('--json', 'print one JSON object')
    .action(async (name: string, flags: PlanFlags) => done(await plan(name, flags, io)));
}

/** `3.56 MB`, `15.23 GB`: three digits or more, in the largest unit that leaves no 0 before the point. */
function metric(value: number, unit: string): string {
  const prefixes = ['', 'k', 'M', 'G', 'T', 'P'];
  const step = Math.min(prefixes.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, value)) / 3)));
  return `${(value / 1000 ** step).toFixed(step === 0 ? 0 : 2)} ${prefixes[step]}${unit}`;
}

const scaled = (value: number | undefined, unit: number) => (value === undefined ? undefined : value * unit);

async function plan(model: string, flags: PlanFlags, io: Io): Promise<number> {
  const { planModel } = await import('../models/plan.js');
  const { batch, prompt, length, cache, gpus } = flags;
  const plan = await planModel({
    model, policy: await settlePolicyFlags(flags), batch, prompt, length, cache, gpus,
    copies: flags.copies === '2' ? 2 : 1,
    deviceMemory: scaled(flags.deviceMemory, 1e9),
    bandwidth: scaled(flags.bandwidth, 1e9),
    flops: scaled(flags.flops, 1e12),
  });
  if (flags.json) {
    io.out(`${JSON.stringify(plan)}\n`);
    return 0;
  }
  const bytes = (count: number) => metric(count, 'B');
  const rows = [
    ['weights', bytes(plan.weightsBytes), `${metric(plan.parameters, '').trimEnd()} parameters`],
    ['cache', bytes(plan.cacheBytes), `${plan.cacheBytesPerToken} bytes a token, one copy at its peak`],
    ['side state', bytes(plan.sideBytes), 'that the policy needs beside it'],
    ['peak', bytes(plan.oneCopyBytes), 'all three'],
    ...(flags.copies === '1' ? [] : [['peak, two copies', bytes(plan.peakBytes), 'as the reference’s benchmark']]),
    ['a step reads', bytes(plan.bytesPerStep), `and computes ${metric(plan.flopsPerStep, 'FLOP')}`],
    ...(plan.largestBatch === null ? [] : [['largest batch', String(plan.largestBatch), 'that the memory holds']]),
    ...(plan.tokensPerSecondBound === null
      ? []
      : [['tokens a second', plan.tokensPerSecondBound.toFixed(0), 'at most']]),
  ];
  io.out(rows.map(([what, much, note]) => `${what.padEnd(17)}${much.padStart(12)}  ${note}\n`).join(''));
  return 0;
}
