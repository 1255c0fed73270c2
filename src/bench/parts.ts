/** What there is to measure; a row here is an `--only` name. */
import { analysisPart } from './analysis.js';
import { attentionPart } from './attention.js';
import { compressionPart, gainPart } from './compression.js';
import type { Part } from './context.js';
import { decodePart, prefillPart } from './decode.js';
import { reasonerPart } from './reasoner.js';

export const parts: readonly Part[] = [attentionPart, reasonerPart, prefillPart, decodePart, compressionPart, gainPart, analysisPart];
