/** tokenizer.json and tokenizer_config.json from a GGUF file's metadata. */
import { PathPressError } from '../../engine/errors.js';
import type { GgufFile } from './file.js';
import { byteLevel } from './tokenizer-byte-level.js';
import { sentencePiece } from './tokenizer-sentencepiece.js';

export interface TokenizerFolder {
  /** By name of file. */
  files: Record<string, unknown>;
  tokens: number;
  /** For generation_config.json. */
  ids: { bos_token_id?: number; pad_token_id?: number };
  /** Ids that end an answer. */
  eosIds: number[];
}

/** A vocabulary that has been checked. */
export interface Vocabulary {
  /** Id of each token, those marked as unused left out. */
  ids: Map<string, number>;
  /** Of each id, as GGUF numbers kinds. */
  kinds: number[];
  texts: string[];
  fail(what: string): PathPressError;
}

/** The parts of tokenizer.json that depend on the kind of tokenizer. */
export interface Pieces {
  normalizer: object | null;
  pre_tokenizer: object | null;
  decoder: object;
  model: object;
  /** What holds where the file does not say whether a text begins with the token for it. */
  beginsByDefault: boolean;
}

export const kind = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

const kinds: Record<string, (file: GgufFile, vocabulary: Vocabulary) => Pieces> = {
  gpt2: byteLevel,
  llama: sentencePiece,
};

/**
 * @param rows of the embedding: no token may have an id beyond them
 * @throws BAD_GGUF or BAD_TOKENIZER, naming file and key
 */
export function tokenizerFiles(file: GgufFile, rows: number): TokenizerFolder {
  const { metadata, path } = file;
  const model = metadata.text('tokenizer.ggml.model');
  if (!Object.hasOwn(kinds, model)) {
    throw new PathPressError(
      'BAD_TOKENIZER',
      `${path}: tokenizer.ggml.model ${JSON.stringify(model.slice(0, 80))} is not one of ${Object.keys(kinds).join(', ')}`,
    );
  }
  const vocabulary = readVocabulary(file, rows);
  const { beginsByDefault, ...pieces } = kinds[model](file, vocabulary);
  const id = (name: string): number | undefined => {
    const key = `tokenizer.ggml.${name}_token_id`;
    return metadata.has(key) ? metadata.whole(key, 0, vocabulary.texts.length - 1) : undefined;
  };
  const textOf = (name: string): string | undefined => {
    const found = id(name);
    return found === undefined ? undefined : vocabulary.texts[found];
  };
  const begin = metadata.flag('tokenizer.ggml.add_bos_token', beginsByDefault) ? id('bos') : undefined;
  const end = metadata.flag('tokenizer.ggml.add_eos_token', false) ? id('eos') : undefined;
  const [bos, pad] = [id('bos'), id('padding')];
  return {
    files: {
      'tokenizer.json': {
        version: '1.0',
        truncation: null,
        padding: null,
        added_tokens: addedTokens(vocabulary),
        ...pieces,
        post_processor: template(vocabulary, begin, end),
      },
      'tokenizer_config.json': {
        tokenizer_class: 'PreTrainedTokenizerFast',
        add_bos_token: begin !== undefined,
        add_eos_token: end !== undefined,
        bos_token: textOf('bos'),
        eos_token: textOf('eos'),
        pad_token: textOf('padding'),
        unk_token: textOf('unknown'),
        clean_up_tokenization_spaces: false,
        chat_template: metadata.has('tokenizer.chat_template') ? metadata.text('tokenizer.chat_template') : undefined,
      },
    },
    tokens: vocabulary.texts.length,
    ids: { ...(bos !== undefined && { bos_token_id: bos }), ...(pad !== undefined && { pad_token_id: pad }) },
    eosIds: [...new Set([...['eos', 'eot', 'eom'].map(id), ...endsByName(vocabulary)].filter((found) => found !== undefined))],
  };
}

function readVocabulary({ metadata, path }: GgufFile, rows: number): Vocabulary {
  const fail = (what: string) => new PathPressError('BAD_TOKENIZER', `${path}: ${what}`);
  const texts = metadata.texts('tokenizer.ggml.tokens');
  if (texts.length > rows) throw fail(`tokenizer.ggml.tokens holds ${texts.length} tokens, the embedding ${rows} rows`);
  const kinds = metadata.numbers('tokenizer.ggml.token_type', texts.length);
  const ids = new Map<string, number>();
  for (const [id, text] of texts.entries()) {
    if (kinds[id] === kind.unused) continue;
    const before = ids.get(text);
    if (before !== undefined) throw fail(`tokens ${before} and ${id} of tokenizer.ggml.tokens are both ${JSON.stringify(text)}`);
    ids.set(text, id);
  }
  return { ids, kinds, texts, fail };
}

/** Control tokens whose name alone says that an answer ends, as llama.cpp takes them: many a file has a key for one of its ends. */
function endsByName({ ids, kinds }: Vocabulary): (number | undefined)[] {
  const names = ['<|end_of_text|>', '<|endoftext|>', '<|eot_id|>', '<|eom_id|>', '<|im_end|>'];
  return names.map((name) => ids.get(name)).filter((id) => id !== undefined && kinds[id] === kind.control);
}

/** Tokens that stand whole in a text, whatever is around them. */
function addedTokens({ ids, kinds }: Vocabulary): object[] {
  const shape = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  const added = [...ids].filter(([, id]) => [kind.unknown, kind.control, kind.userDefined].includes(kinds[id] as 2 | 3 | 4));
  return added.map(([content, id]) => ({ id, content, ...shape, special: kinds[id] !== kind.userDefined }));
}

function template({ texts }: Vocabulary, begin: number | undefined, end: number | undefined): object | null {
  const around = [begin, end].filter((id) => id !== undefined);
  if (around.length === 0) return null;
  const part = (id: number | undefined) => (id === undefined ? [] : [{ SpecialToken: { id: texts[id], type_id: 0 } }]);
  const one = (name: string) => [...part(begin), { Sequence: { id: name, type_id: 0 } }, ...part(end)];
  return {
    type: 'TemplateProcessing',
    single: one('A'),
    pair: [...one('A'), ...one('B')],
    special_tokens: Object.fromEntries(around.map((id) => [texts[id], { id: texts[id], ids: [id], tokens: [texts[id]] }])),
  };
}
