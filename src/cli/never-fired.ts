import type { Policy } from '../policies/policy.js';

/** What to tell somebody whose policy evicted nothing `where`: such a run is the full cache's. */
export function neverFired(policy: Policy, where: string): string {
  const { interval, window, keep } = policy as { interval?: number; window?: number; keep?: number };
  const given = Object.entries({ interval, window, keep }).filter(([, value]) => value !== undefined);
  const knobs = given.map(([name, value]) => `${name} ${value}`).join(', ');
  return `note: policy ${policy.name} (${knobs}) never fired in ${where}: nothing was evicted\n`;
}
