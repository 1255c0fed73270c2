import { Template } from '@huggingface/jinja';
import type { ChatMessage } from './tokenizer.js';

/** A node of a parsed template: its kind, and fields that hold nodes, lists and maps of them, or plain values. */
type Node = { type: string } & Record<string, unknown>;

// What transformers gives a template beside the messages.
export const specialTokens = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'] as const;

/**
 * A chat template that strips as Python does: the package takes no heed of which characters a template asks it to strip, and
 * holds other characters for white space. Templates strip thoughts out of answers by these.
 */
export class ChatTemplate {
  readonly #template: Template;
  readonly #given: Record<string, unknown>;

  constructor(source: unknown, config: Record<string, unknown>) {
    if (typeof source !== 'string') throw new Error(`chat_template must be a string, but got ${typeof source}`);
    this.#template = new Template(source);
    rewrite(this.#template.parsed);
    const tokens = specialTokens.filter((name) => config[name]).map((name) => [name, config[name]]);
    this.#given = { tools: null, documents: null, ...Object.fromEntries(tokens), ...functions };
  }

  /** The text of a conversation, ending where the assistant begins. */
  render(messages: ChatMessage[]): string {
    return this.#template.render({ ...this.#given, messages, add_generation_prompt: true });
  }
}

// str.isspace of one character.
const white = new Set(
  '\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000',
);

const stripping = (name: string, left: boolean, right: boolean) => (text: unknown, characters: unknown = null, ...more: unknown[]): string => {
  if (typeof text !== 'string') throw new Error(`${name} of what is no text`);
  if ((characters !== null && typeof characters !== 'string') || more.length) throw new Error(`${name} takes one text of characters`);
  const dropped = characters === null ? white : new Set(characters);
  const all = Array.from(text);
  let [from, to] = [0, all.length];
  while (left && from < to && dropped.has(all[from])) from++;
  while (right && to > from && dropped.has(all[to - 1])) to--;
  return all.slice(from, to).join('');
};

// Under names that no template can write.
const named = (name: string): string => `str.${name}`;
const functions = Object.fromEntries([
  [named('strip'), stripping('strip', true, true)],
  [named('lstrip'), stripping('lstrip', true, false)],
  [named('rstrip'), stripping('rstrip', false, true)],
  [named('trim'), stripping('trim', true, true)],
]);

/** The node, or what stands in its place; the nodes below it are rewritten where they are. */
function rewrite<T>(node: T): T {
  if (Array.isArray(node)) return node.map(rewrite) as T;
  if (node instanceof Map) return new Map(Array.from(node, rewrite)) as T;
  if (typeof node !== 'object' || node === null) return node;
  for (const [field, value] of Object.entries(node)) (node as Record<string, unknown>)[field] = rewrite(value);
  return (strippingCall(node as Node) ?? node) as T;
}

/** `text.strip(…)` or `text | trim(…)` as a call of the function of that name. */
function strippingCall(node: Node): Node | undefined {
  const { type, callee, operand, filter } = node as Record<'callee' | 'operand' | 'filter', Node> & Node;
  const call = (name: unknown, text: unknown, args: Node[]): Node | undefined => {
    if (typeof name !== 'string' || !Object.hasOwn(functions, named(name))) return undefined;
    return { type: 'CallExpression', callee: { type: 'Identifier', value: named(name) }, args: [text, ...args] };
  };
  if (type === 'CallExpression' && callee.type === 'MemberExpression') {
    const { type: kind, value } = callee.property as Node;
    if (kind !== (callee.computed ? 'StringLiteral' : 'Identifier')) return undefined;
    return value === 'trim' ? undefined : call(value, callee.object, node.args as Node[]);
  }
  if (type === 'FilterStatement' && (filter.value ?? (filter.callee as Node).value) === 'trim') throw new Error('a filter block of trim is not supported');
  if (type !== 'FilterExpression') return undefined;
  const [name, args] = filter.type === 'CallExpression' ? [filter.callee as Node, filter.args as Node[]] : [filter, []];
  const isCharacters = (arg: Node) => arg.type === 'KeywordArgumentExpression' && (arg.key as Node).value === 'chars';
  return name.value === 'trim' ? call('trim', operand, args.map((arg) => (isCharacters(arg) ? (arg.value as Node) : arg))) : undefined;
}
