/**
 * Samples in flight at once where nobody says otherwise. Eight caches of the bundled reasoner stay in a processor's last
 * cache level; sixty-four do not, and each token waits for memory.
 */
export const defaultBatch = 8;
