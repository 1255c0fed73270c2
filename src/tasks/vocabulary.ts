import { essayWords } from './essay.js';

/** Tokens that stand for themselves in text and are left out of a plain decoding. */
export const specialTokens = ['<pad>', '<bos>', '<eos>', '<think>', '</think>'] as const;

const numbers = Array.from({ length: 50 }, (_, i) => String(i)); // digits of values, and counts of rounds
const symbols = ['.', ',', ':', '=', '+', '-', '->'];
const names = ['x', 'p', 'q', 'r', 'a', 'b', 'c', 'd', 'e', 'f', 'code', ...Array.from({ length: 64 }, (_, i) => `v${i + 1}`)];
const thoughts = ['is', 'part', 'rounds', 'of', 'find', 'left', 'wait', 'hmm', 'check', 'yes', 'let', 'me', 'done'];

/** The bundled models' tokens in the order of their ids: one word, digit or symbol each. */
export const vocabulary: readonly string[] = [...new Set([...specialTokens, ...numbers, ...symbols, ...names, ...thoughts, ...essayWords])];
