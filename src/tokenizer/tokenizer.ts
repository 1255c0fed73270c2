import type { PreTrainedTokenizer } from '@xenova/transformers';
import { PathPressError } from '../engine/errors.js';
import { ChatTemplate } from './chat-template.js';
import { type Json, readTokenizerFiles, type TokenizerFiles } from './files.js';
import { TextStream } from './stream.js';

/** A turn of a conversation. */
export interface ChatMessage {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

/** Text to ids and back, as the model's own tokenizer.json says. */
export interface Tokenizer {
  readonly folder: string;
  /** One more than the largest id. */
  readonly vocabSize: number;
  readonly hasChatTemplate: boolean;
  /** What a word that the vocabulary lacks becomes, undefined where the model has no such token, or needs none. */
  readonly unknownId: number | undefined;
  /**
   * Ids of a text. Special tokens written in the text are taken as such; `special` adds the tokenizer's own around it
   * (default: none added).
   * @throws PathPressError BAD_PROMPT where the vocabulary lacks a word and has no token for unknown ones; BAD_TOKENIZER
   *   where a part of tokenizer.json that loading does not look at is of no use.
   */
  encode(text: string, options?: { special?: boolean }): number[];
  /** Text of ids, special tokens shown unless skipped; no clean-up of spaces; ids beyond the vocabulary give nothing. */
  decode(ids: ArrayLike<number>, options?: { skipSpecial?: boolean }): string;
  /** Text of ids as they come: whole characters only. */
  stream(options?: { skipSpecial?: boolean }): TextStream;
  /**
   * Ids of a conversation through the chat template, ending where the assistant begins.
   * @throws PathPressError BAD_TOKENIZER where the folder has no template or it fails.
   */
  applyChat(messages: ChatMessage[]): number[];
  /** The token of an id as it stands in the vocabulary, undefined beyond it. */
  token(id: number): string | undefined;
}

/**
 * Loads tokenizer.json (and tokenizer_config.json, chat_template.jinja) of a folder in Hugging Face layout; never the network.
 * @throws PathPressError BAD_TOKENIZER, BAD_FILE or BAD_UTF8, naming the file.
 */
export async function loadTokenizer(folder: string): Promise<Tokenizer> {
  const files = await readTokenizerFiles(folder);
  const { PreTrainedTokenizer: Implementation, env } = await import('@xenova/transformers');
  env.allowRemoteModels = false;
  try {
    return new LoadedTokenizer(folder, new Implementation(files.tokenizer, files.config), files);
  } catch (cause) {
    throw new PathPressError('BAD_TOKENIZER', `${folder}/tokenizer.json: ${(cause as Error).message}`, { cause });
  }
}

/** Of the model itself: a configuration names one (the end's, mostly) also for a model that can spell every word. */
function unknownOf({ tokenizer, config }: TokenizerFiles): string | undefined {
  const { type, unk_token, unk_id, vocab } = tokenizer.model as { type?: string; unk_token?: string; unk_id?: number; vocab: unknown };
  if (type !== 'BPE' && type !== 'Unigram' && type !== 'WordPiece') return config.unk_token as string | undefined;
  return unk_token ?? (Array.isArray(vocab) ? (vocab as [string, number][])[unk_id ?? -1]?.[0] : undefined);
}

class LoadedTokenizer implements Tokenizer {
  readonly vocabSize: number;
  readonly hasChatTemplate: boolean;
  readonly unknownId: number | undefined;
  readonly #implementation: PreTrainedTokenizer;
  readonly #config: Json;
  readonly #tokens = new Map<number, string>();
  #chat: ChatTemplate | undefined;

  constructor(
    readonly folder: string,
    implementation: PreTrainedTokenizer,
    files: TokenizerFiles,
  ) {
    this.#implementation = implementation;
    this.#config = files.config;
    let largest = -1;
    for (const [token, id] of implementation.get_vocab() as Map<string, number>) {
      if (token === undefined) continue; // a hole in the vocabulary
      this.#tokens.set(id, token);
      if (id > largest) largest = id;
    }
    this.vocabSize = largest + 1;
    this.hasChatTemplate = Boolean(implementation.chat_template);
    const unknown = unknownOf(files);
    this.unknownId = unknown === undefined ? undefined : (implementation.get_vocab() as Map<string, number>).get(unknown);
  }

  encode(text: string, { special = false } = {}): number[] {
    if (text === '' && !special) return [];
    const ids = this.#trusting(() => this.#implementation.encode(text, { add_special_tokens: special })) as (number | undefined)[];
    const at = ids.indexOf(undefined);
    if (at < 0) return ids as number[];
    const word = this.#implementation.tokenize(text, { add_special_tokens: special })[at];
    throw new PathPressError('BAD_PROMPT', `the tokenizer of ${this.folder} has no token for ${JSON.stringify(word)}`);
  }

  decode(ids: ArrayLike<number>, { skipSpecial = false } = {}): string {
    const known = Array.from(ids).filter((id) => this.#tokens.has(id));
    if (known.length === 0) return '';
    const options = { skip_special_tokens: skipSpecial, clean_up_tokenization_spaces: false };
    return this.#trusting(() => this.#implementation.decode(known, options));
  }

  stream(options: { skipSpecial?: boolean } = {}): TextStream {
    return new TextStream((ids) => this.decode(ids, options));
  }

  applyChat(messages: ChatMessage[]): number[] {
    if (!this.hasChatTemplate)
      throw new PathPressError('BAD_TOKENIZER', `${this.folder}: no chat template in tokenizer_config.json`);
    let text: string;
    try {
      this.#chat ??= new ChatTemplate(this.#implementation.get_chat_template(), this.#config);
      text = this.#chat.render(messages);
    } catch (cause) {
      throw new PathPressError(
        'BAD_TOKENIZER',
        `${this.folder}: the chat template fails: ${(cause as Error).message}`,
        { cause },
      );
    }
    return this.encode(text);
  }

  // The package looks at some parts of tokenizer.json when they are used, and takes their shape for granted.
  #trusting<T>(use: () => T): T {
    try {
      return use();
    } catch (cause) {
      throw new PathPressError('BAD_TOKENIZER', `${this.folder}/tokenizer.json: ${(cause as Error).message}`, { cause });
    }
  }

  token(id: number): string | undefined {
    return this.#tokens.get(id);
  }
}
