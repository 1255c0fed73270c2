/**
 * Samples in flight at once where nobody says otherwise. More bring the bundled reasoner nothing: so many as a processor's
 * caches hold take turns (native/engine/batch.cc), and a large batch runs out unevenly at its end.
 */
export const defaultBatch = 16;
