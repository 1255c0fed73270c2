/** SentencePiece's BPE (`llama`, as Llama 2 has it): pieces with scores, bytes for what no piece covers. */
import type { GgufFile } from './file.js';
import { kind, type Pieces, type Vocabulary } from './tokenizer.js';

const space = '\u2581';

/** @throws BAD_GGUF, BAD_TOKENIZER */
export function sentencePiece({ metadata }: GgufFile, vocabulary: Vocabulary): Pieces {
  const { ids, texts } = vocabulary;
  const scores = metadata.numbers('tokenizer.ggml.scores', texts.length);
  const unknown = metadata.whole('tokenizer.ggml.unknown_token_id', 0, texts.length - 1, 0);
  const prefix = metadata.flag('tokenizer.ggml.add_space_prefix', true);
  return {
    normalizer: {
      type: 'Sequence',
      normalizers: [
        ...(prefix ? [{ type: 'Prepend', prepend: space }] : []),
        { type: 'Replace', pattern: { String: ' ' }, content: space },
      ],
    },
    pre_tokenizer: null,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: space }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(prefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
      ],
    },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: texts[unknown],
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab: Object.fromEntries(ids),
      merges: mergesOf(vocabulary, scores),
    },
    beginsByDefault: true,
  };
}

/**
 * Every way to make a piece of two others, best score first: SentencePiece merges whatever pair makes the best piece. The
 * order among equals is that of transformers' `generate_merges`: longer left part first, then longer right part.
 */
function mergesOf({ ids, kinds }: Vocabulary, scores: number[]): [string, string][] {
  const merges: { left: string; right: string; score: number }[] = [];
  for (const [piece, id] of ids) {
    if (kinds[id] !== kind.normal) continue;
    const characters = Array.from(piece);
    for (let cut = 1; cut < characters.length; cut++) {
      const left = characters.slice(0, cut).join('');
      const right = characters.slice(cut).join('');
      if (ids.has(left) && ids.has(right)) merges.push({ left, right, score: scores[id] });
    }
  }
  merges.sort((a, b) => b.score - a.score || b.left.length - a.left.length || b.right.length - a.right.length);
  return merges.map(({ left, right }) => [left, right]);
}
