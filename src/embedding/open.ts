import { PathPressError } from '../engine/errors.js';
import { embeddingCache, withCache } from './cache.js';
import type { Embedder, EmbedderName } from './embedder.js';
import { openLexical } from './lexical.js';
import { findMiniLm, openMiniLm } from './minilm.js';
import { openStatic } from './static.js';
import { openUse } from './use.js';

/** Where an embedder finds its weights and keeps its vectors. */
export interface EmbedderOptions {
  /** Folder of the weights: needed by `static`; `minilm` looks where `findMiniLm` says if it is left out. */
  path?: string;
  /** Folder that keeps vectors of `minilm` and `use`, false for none; `.cache/embeddings` of the project if left out. */
  cache?: string | false;
}

interface Row {
  needsFolder: boolean;
  /** Whether computing a vector takes longer than reading it. */
  slow: boolean;
  open(folder: string): Promise<Embedder> | Embedder;
}

const registry: Record<EmbedderName, Row> = {
  minilm: { needsFolder: true, slow: true, open: openMiniLm },
  use: { needsFolder: false, slow: true, open: openUse },
  static: { needsFolder: true, slow: false, open: openStatic },
  lexical: { needsFolder: false, slow: false, open: openLexical },
};

/** Every embedder that `openEmbedder` knows. */
export const embedderNames = Object.keys(registry) as readonly EmbedderName[];

/**
 * Opens an embedder; dispose it after use.
 * @throws BAD_OPTION for an unknown name, a folder that is needed and not given, or given and not used; else as the
 *   embedder's own opener
 */
export async function openEmbedder(name: EmbedderName, options: EmbedderOptions = {}): Promise<Embedder> {
  if (!Object.hasOwn(registry, name)) {
    throw new PathPressError('BAD_OPTION', `embedder must be one of ${embedderNames.join(', ')}, not ${name}`);
  }
  const row = registry[name];
  if (options.path !== undefined && !row.needsFolder) {
    throw new PathPressError('BAD_OPTION', `embedder ${name} takes no folder, got ${options.path}`);
  }
  const folder = options.path ?? (name === 'minilm' ? await findMiniLm() : undefined);
  if (row.needsFolder && folder === undefined) {
    const how = name === 'minilm' ? ': name it, set PATHPRESS_MINILM, or run: pathpress model fetch minilm' : '';
    throw new PathPressError('BAD_OPTION', `embedder ${name} needs a folder with its weights${how}`);
  }
  const embedder = await row.open(folder ?? '');
  return row.slow && options.cache !== false ? withCache(embedder, options.cache ?? embeddingCache) : embedder;
}

/** The embedder to use where none is named: `minilm` where its weights are found, else `use`. */
export async function defaultEmbedder(): Promise<EmbedderName> {
  return (await findMiniLm()) === undefined ? 'use' : 'minilm';
}
