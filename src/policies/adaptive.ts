import { choice, optionParser, refuse } from './options.js';
import type { AdaptivePolicy } from './policy.js';
import type { PolicyRow } from './row.js';
import { rpcSettler } from './rpc.js';

const settle = rpcSettler('adaptive');
const parse = optionParser('adaptive', { moment: choice('sure', 'unsure').default('sure') });

/**
 * RPC whose interval is measured, not set: with e the entropy in bits of the model's distribution (temperature 1, nothing
 * cut off) that a token was drawn from, it compresses at the first token that is P / 2 or more after the last compression
 * (the first: after token R) and has mean(e of the last R tokens) ≤ mean(e of all so far), and at 2·P in any case;
 * `unsure` turns the sign. After a compression with t tokens written prompt + ⌊(t − R) / c⌋ + R entries are held; at any
 * time no more than prompt + ⌊(t − R − 2·P) / c⌋ + 2·P + R. With a cap `keep` are held after each, and never more than
 * 2·P beyond it, or beyond prompt + R where that is more.
 */
export const adaptive: PolicyRow<AdaptivePolicy> = {
  name: 'adaptive',
  summary: 'rpc at intervals of no fixed length, which end where the model is sure of itself',
  settle({ moment, ...given }) {
    return { name: 'adaptive', ...settle(given), ...parse(moment === undefined ? {} : { moment }) };
  },
  schedule: () => refuse('policy', 'adaptive', 'when it compresses is measured: there is no closed form'),
};
