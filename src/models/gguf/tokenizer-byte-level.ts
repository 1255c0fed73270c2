/** Byte-level BPE (`gpt2`): a file names how text is split before merging, and the rule itself comes from here. */
import type { GgufFile } from './file.js';
import type { Pieces, Vocabulary } from './tokenizer.js';

interface Splitter {
  /** What llama.cpp calls it. */
  names: string[];
  normalizer: object | null;
  steps: object[];
  /** The vocabulary's own word wins over merges, and a text begins with the token for it unless the file says no. */
  llama3?: boolean;
}

const bytes = (useRegex: boolean) => ({ type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: useRegex });
const split = (pattern: string) => ({ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false });

/** Words, at most `digits` digits, signs, line ends, spaces: OpenAI's cl100k pattern and its kin. */
const wordsAndDigits = (digits: string): string =>
  String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|${digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

// As the tokenizer.json of each family states it.
const splitters: Splitter[] = [
  { names: ['gpt-2'], normalizer: null, steps: [bytes(true)] },
  {
    names: ['smollm', 'starcoder', 'refact'],
    normalizer: null,
    // Their tokenizer.json says Digits, which every implementation reads in its own way; this is how Rust's does.
    steps: [split(String.raw`\p{N}`), bytes(true)],
  },
  {
    names: ['llama-bpe', 'llama3', 'llama-v3'],
    normalizer: null,
    steps: [split(wordsAndDigits(String.raw`\p{N}{1,3}`)), bytes(false)],
    llama3: true,
  },
  {
    names: ['qwen2', 'deepseek-r1-qwen'],
    normalizer: { type: 'NFC' },
    steps: [split(wordsAndDigits(String.raw`\p{N}`)), bytes(false)],
  },
];

/** @throws BAD_TOKENIZER for a way of splitting that is unknown, and for merges of what is not in the vocabulary */
export function byteLevel({ metadata }: GgufFile, vocabulary: Vocabulary): Pieces {
  const name = metadata.text('tokenizer.ggml.pre', 'default');
  const splitter = splitters.find(({ names }) => names.includes(name));
  if (!splitter) {
    const known = splitters.flatMap(({ names }) => names).join(', ');
    throw vocabulary.fail(`tokenizer.ggml.pre ${JSON.stringify(name.slice(0, 80))} is not one of ${known}`);
  }
  const merges = metadata.texts('tokenizer.ggml.merges');
  for (const [row, merge] of merges.entries()) {
    const [left, right, more] = merge.split(' ');
    const made = right !== undefined && more === undefined ? [left, right, left + right] : [merge];
    const missing = made.find((text) => !vocabulary.ids.has(text));
    if (made.length === 1 || missing !== undefined) {
      throw vocabulary.fail(`row ${row} of tokenizer.ggml.merges, ${JSON.stringify(merge.slice(0, 80))}, is no pair of known tokens`);
    }
  }
  return {
    normalizer: splitter.normalizer,
    pre_tokenizer: { type: 'Sequence', pretokenizers: splitter.steps },
    decoder: bytes(false),
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: splitter.llama3 ?? false,
      vocab: Object.fromEntries(vocabulary.ids),
      merges,
    },
    beginsByDefault: splitter.llama3 ?? false,
  };
}
