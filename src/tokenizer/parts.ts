import type { Json } from './files.js';

/** The parts that a part of tokenizer.json is made of, itself among them; `list` is where a Sequence of its kind has them. */
function* partsOf(whole: unknown, list: string): Generator<Json> {
  const left = [whole];
  while (left.length) {
    const part = left.pop();
    if (!isObject(part)) continue;
    yield part;
    if (Array.isArray(part[list])) for (const inner of part[list]) left.push(inner);
  }
}

/** Digits as the split that Rust makes of them, on every number of Unicode: the package's own knows 0 to 9 alone. */
export function rewriteDigits(tokenizer: Json): void {
  for (const part of partsOf(tokenizer.pre_tokenizer, 'pretokenizers')) {
    if (part.type !== 'Digits') continue;
    const pattern = { Regex: part.individual_digits === true ? String.raw`\p{N}` : String.raw`\p{N}+` };
    Object.assign(part, { type: 'Split', pattern, behavior: 'Isolated', invert: false });
  }
}

/** An option that the package would pass over in silence, giving other ids than Rust does; undefined where there is none. */
export function ignoredOption(tokenizer: Json): string | undefined {
  for (const part of partsOf(tokenizer.pre_tokenizer, 'pretokenizers')) {
    const { type, behavior = 'Isolated', invert, pattern } = part;
    const of = `"pre_tokenizer" ${String(type)} of behavior ${show(behavior)}`;
    if (type === 'Punctuation' && behavior !== 'Contiguous') return of;
    if (type !== 'Split') continue;
    if (isReplaced(pattern, tokenizer.normalizer)) continue;
    if (['MergedWithPrevious', 'MergedWithNext', 'Contiguous'].includes(behavior as string)) return of;
    if (behavior !== 'Removed' && invert === true) return `${of} with "invert" true`;
    if (behavior === 'Removed' && invert !== true && isObject(pattern) && 'String' in pattern) return `${of} with the pattern ${show(pattern)}`;
  }
  const single = (tokenizer.added_tokens as Json[]).find((token) => token.single_word === true);
  if (single) return `"added_tokens" ${show(single.content)} with "single_word" true`;
  const { type, continuing_subword_prefix: prefix, byte_fallback: fallback } = tokenizer.model as Json;
  if (type === 'BPE' && prefix) return `"model" BPE with "continuing_subword_prefix" ${show(prefix)}`;
  if (type === 'Unigram' && fallback === true) return '"model" Unigram with "byte_fallback" true';
  for (const { type: kind, special_tokens: special } of partsOf(tokenizer.post_processor, 'processors')) {
    if (kind !== 'TemplateProcessing' || !isObject(special)) continue;
    const many = Object.entries(special).find(([, token]) => isObject(token) && Array.isArray(token.ids) && token.ids.length > 1);
    if (many) return `"post_processor" TemplateProcessing with the token ${show(many[0])} of several ids`;
  }
  return undefined;
}

/** Whether a split has nothing to split at, since a normalizer has replaced it all: Gemma's at spaces, whose words begin with \u2581. */
function isReplaced(pattern: unknown, normalizer: unknown): boolean {
  const text = isObject(pattern) ? pattern.String : undefined;
  const replacing = [...partsOf(normalizer, 'normalizers')].filter(({ type }) => type === 'Replace');
  return text !== undefined && replacing.some((one) => isObject(one.pattern) && one.pattern.String === text && typeof one.content === 'string' && !one.content.includes(text as string));
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function show(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 80) ?? 'undefined';
}
