import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ChatTemplate } from './chat-template.js';
import { loadTokenizer } from './tokenizer.js';

const rendered = (template: string, content: string): string =>
  new ChatTemplate(`{% set m = messages[0].content %}${template}`, {}).render([{ role: 'user', content }]);

const contents = ['\n\n  x why x  \n', '\ufeffx\ufeff', ' \u0085\u001cx\u3000\u00a0', '🙂x🙂', '', '\n\nxx\n'];

// What transformers 5.24 (its chat_template_utils, Jinja in Python) renders of these templates for each content.
it.each<[string, string[]]>([
  [String.raw`{{ m.lstrip('\n') }}`, ['  x why x  \n', '\ufeffx\ufeff', ' \u0085\u001cx\u3000\u00a0', '🙂x🙂', '', 'xx\n']],
  [String.raw`{{ m.rstrip('\n') }}`, ['\n\n  x why x  ', '\ufeffx\ufeff', ' \u0085\u001cx\u3000\u00a0', '🙂x🙂', '', '\n\nxx']],
  [String.raw`{{ m.strip('\n ') }}`, ['x why x', '\ufeffx\ufeff', '\u0085\u001cx\u3000\u00a0', '🙂x🙂', '', 'xx']],
  ['{{ m.strip() }}', ['x why x', '\ufeffx\ufeff', 'x', '🙂x🙂', '', 'xx']],
  ['{{ m.lstrip() }}', ['x why x  \n', '\ufeffx\ufeff', 'x\u3000\u00a0', '🙂x🙂', '', 'xx\n']],
  ['{{ m.rstrip() }}', ['\n\n  x why x', '\ufeffx\ufeff', ' \u0085\u001cx', '🙂x🙂', '', '\n\nxx']],
  ['{{ m | trim }}', ['x why x', '\ufeffx\ufeff', 'x', '🙂x🙂', '', 'xx']],
  [String.raw`{{ m | trim('x\n') }}`, ['  x why x  ', '\ufeffx\ufeff', ' \u0085\u001cx\u3000\u00a0', '🙂x🙂', '', '']],
  [String.raw`{{ m | trim(chars='x\n') }}`, ['  x why x  ', '\ufeffx\ufeff', ' \u0085\u001cx\u3000\u00a0', '🙂x🙂', '', '']],
  ["{{ (m | trim).strip('x') | trim | upper }}", ['WHY', '\ufeffX\ufeff', '', '🙂X🙂', '', '']],
  [String.raw`{{ m.split('x')[-1].lstrip('\n').rstrip() }}`, ['', '\ufeff', '', '🙂', '', '']],
  ["{{ {'a': m.strip()}['a'] }}", ['x why x', '\ufeffx\ufeff', 'x', '🙂x🙂', '', 'xx']],
  ['{% for p in [m.strip(), m | trim] %}{{ p }}.{% endfor %}', ['x why x.x why x.', '\ufeffx\ufeff.\ufeffx\ufeff.', 'x.x.', '🙂x🙂.🙂x🙂.', '..', 'xx.xx.']],
  ["{% set ns = namespace(a='') %}{% set ns.a = m.rstrip(none) %}{{ ns.a }}", ['\n\n  x why x', '\ufeffx\ufeff', ' \u0085\u001cx', '🙂x🙂', '', '\n\nxx']],
  [String.raw`{% macro s(a) %}{{ a.strip('x' + '\n') }}{% endmacro %}{{ s(m) }}`, ['  x why x  ', '\ufeffx\ufeff', ' \u0085\u001cx\u3000\u00a0', '🙂x🙂', '', '']],
  [String.raw`{% if m.strip('\n') == m %}same{% else %}{{ m.strip('') }}{% endif %}`, ['\n\n  x why x  \n', 'same', 'same', 'same', 'same', '\n\nxx\n']],
  ["{{ 'strip' if m.strip is defined else 'none' }}", ['strip', 'strip', 'strip', 'strip', 'strip', 'strip']],
  [String.raw`{{ m['strip']('\n') }}`, ['  x why x  ', '\ufeffx\ufeff', ' \u0085\u001cx\u3000\u00a0', '🙂x🙂', '', 'xx']],
  ["{{ m.strip('🙂') }}", ['\n\n  x why x  \n', '\ufeffx\ufeff', ' \u0085\u001cx\u3000\u00a0', 'x', '', '\n\nxx\n']],
])('%s strips as in Python', (template, texts) => {
  expect(contents.map((content) => rendered(template, content))).toEqual(texts);
});

it('takes for white space what str.isspace does', () => {
  const source = "{% for m in messages %}{% if m.content.strip() == '' and m.content | trim == '' %}{{ loop.index0 }} {% endif %}{% endfor %}";
  const template = new ChatTemplate(source, {});
  const messages = Array.from({ length: 0x10000 }, (_, code) => ({ role: 'user' as const, content: String.fromCharCode(code) }));
  // [c for c in range(0x110000) if chr(c).isspace()] of Python 3
  const white = [9, 10, 11, 12, 13, 28, 29, 30, 31, 32, 133, 160, 5760, 8192, 8193, 8194, 8195, 8196, 8197, 8198, 8199, 8200, 8201, 8202, 8232, 8233, 8239, 8287, 12288];
  expect(template.render(messages).trim().split(' ').map(Number)).toEqual(white);
});

it('gives a template the special tokens that there are', () => {
  const source = '{{ bos_token }}{{ eos_token is defined }}{{ tools is none }}{{ documents is none }}{{ add_generation_prompt }}';
  const template = new ChatTemplate(source, { bos_token: '<s>', eos_token: null });
  expect(template.render([])).toBe('<s>falsetruetruetrue');
});

it.each([
  ['{{ m.strip(1) }}', 'strip takes one text of characters'],
  ["{{ m.strip('a', 'b') }}", 'strip takes one text of characters'],
  ["{{ m | trim(other='b') }}", 'trim takes one text of characters'],
  ['{% filter trim %} x {% endfilter %}', 'a filter block of trim'],
  ['{{ none.strip() }}', 'strip of what is no text'],
  ['{{ messages | trim }}', 'trim of what is no text'],
])('%s fails and says so', (template, message) => {
  expect(() => rendered(template, 'x')).toThrow(message);
});

it('reaches applyChat: an answer keeps its indentation after its thoughts', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pathpress-chat-'));
  const vocab = { a: 0, ' ': 1, '\n': 2, '<think>': 3, '</think>': 4 };
  const added_tokens = ['<think>', '</think>'].map((content) => ({ id: vocab[content as keyof typeof vocab], content, special: true }));
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify({ added_tokens, model: { type: 'BPE', vocab, merges: [] } }));
  await writeFile(join(folder, 'chat_template.jinja'), "{{ messages[0].content.split('</think>')[-1].lstrip('\\n') }}");
  const tokenizer = await loadTokenizer(folder);
  expect(tokenizer.applyChat([{ role: 'assistant', content: '<think>a</think>\n\n  a\n' }])).toEqual([1, 1, 0, 2]);
  await writeFile(join(folder, 'chat_template.jinja'), '{% if %}');
  const broken = await loadTokenizer(folder);
  expect(() => broken.applyChat([])).toThrow(expect.objectContaining({ code: 'BAD_TOKENIZER', message: expect.stringContaining('the chat template fails') }));
  await rm(folder, { recursive: true });
});
