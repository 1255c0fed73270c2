import { refuse } from './options.js';
import { admitPrompt } from './capped.js';
import { policies, policyNames } from './policies.js';
import type { Policy } from './policy.js';

/**
 * A policy with every option settled: the given ones checked, the rest at the policy's defaults.
 * Settling a settled policy gives it back.
 * @param given options under the names of policy.ts; one that is undefined counts as left out
 * @throws PathPressError BAD_OPTION for an unknown policy, an option out of range, one that the policy does not use,
 * or a combination without meaning; the message names option and value
 */
export function settlePolicy(name: string, given: Record<string, unknown> = {}): Policy {
  const known = policyNames.find((row) => row === name);
  if (!known) refuse('policy', name, `unknown; there are ${policyNames.join(', ')}`);
  const { name: stated = name, ...options } = given;
  if (stated !== name) refuse('name', stated, `the options are another policy's, not ${name}'s`);
  return policies[known].settle(Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)));
}

/**
 * Refuses a policy that was written by hand and does not hold, or that has no room for this prompt.
 * @throws PathPressError BAD_OPTION
 */
export function checkPolicy(policy: Policy, promptTokens: number): void {
  const settled = settlePolicy(policy.name, { ...policy });
  if ('keep' in settled) admitPrompt(settled, promptTokens);
}

/** Whether a policy has a key of lots: with one, repetitions differ even without sampling. */
export function drawsLots(policy: Policy): boolean {
  try {
    return Boolean(settlePolicy(policy.name, { ...policy, drawSeed: 0 }));
  } catch {
    return false;
  }
}
