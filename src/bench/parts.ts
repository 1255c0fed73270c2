/** What there is to measure; a row here is an `--only` name. */
import { analysisPart } from './analysis.js';
import { attentionPart } from './attention.js';
import { compressionPart, gainPart } from './compression.js';
import type { Part } from './context.js';
import { avx2Part, decodePart, prefillPart } from './decode.js';
import { reasonerPart } from './reasoner.js';

export const parts: readonly Part[] = [attentionPart, reasonerPart, prefillPart, decodePart, avx2Part, compressionPart, gainPart, analysisPart];
