import { describe, expect, it } from 'vitest';
import { protectedSpans } from './protected-spans.js';
import { sentenceSpans, splitSentences } from './sentences.js';

/** Each row: the sentences expected, and what they are joined by in the text; written by hand. */
const cases: [name: string, sentences: string[], joint?: string][] = [
  ['plain', ['It is five.', 'Then we add two.', 'Is that right?', 'Yes!', 'Good.']],
  ['decimals', ['Pi is about 3.14159 or so.', 'The rest is 0.5.', 'Then 2.5 times 4 is 10.']],
  ['a number before the stop', ['The answer is 5.', '3 more remain.', 'So x = 12.', 'Wait, no.']],
  [
    'Wait and Hmm',
    ['So the total is 12.', 'Wait, let me check.', 'Hmm, that is wrong.', 'Wait.', 'Hmm.', 'Okay, so no.'],
  ],
  ['latin', ['Use a prime, e.g. 7 or 11, i.e. an odd one.', 'Compare cf. Euler, vs. Gauss.']],
  ['latin before capitals', ['Some people, e.g. Euler and Gauss, knew it.', 'See also, i.e. Theorem two.']],
  ['etc.', ['We have apples, pears, etc.', 'Then we count.', 'Apples, pears, etc. are fruit.']],
  ['titles', ['Dr. Smith met Mrs. Jones and Prof. Li at St. Paul.', 'They talked.']],
  ['initials', ['J. K. Rowling and George R. R. Martin write.', 'So did C. S. Lewis.']],
  [
    'points are no initials',
    ['Consider the point A. Then draw B.', 'It passes through C. So it is a line.'].flatMap((s) =>
      s.split(/(?<=A\.|C\.) /),
    ),
  ],
  ['countries', ['He lives in the U.S. and works.', 'The U.S. Army came.', 'It is in the U.S.', 'The law says so.']],
  ['figures', ['See Fig. 3 and Eq. (4) on p. 12.', 'Is it no. 5?', 'The answer is no.', 'Then stop.']],
  ['ellipsis goes on', ['Hmm... let me think.', 'The sum 1 + 2 + ... + n is known.', 'So 1, 2, ..., 9.']],
  ['ellipsis ends', ['Wait...', 'That is odd.', 'Well…', 'Maybe not.']],
  ['several marks', ['Really?!', 'Yes!!', 'What?', 'No...', 'Fine.']],
  ['factorial', ['We have 5! = 120 and n! / k! ways.', 'So it is 6!', 'Then 4! * 2 is 48.']],
  ['quotes', ['He said "Stop."', 'Then he left.', '"Why?" she asked.', 'The word “no.”', 'Next.']],
  ['brackets', ['It works (for now).', 'It fails. (See below.)', 'Done.'].flatMap((s) => s.split(/(?<=fails\.) /))],
  ['emphasis', ['**Answer:** it is **five**.', '**So it is.**', 'Then _stop._', 'Go.']],
  ['inline mathematics', ['Let $x = 3. 5$ and $y. Then$ hold.', 'So $f(x)=x^2$.', 'Then $g$ is odd.']],
  ['spaced mathematics', ['So $ x = 1. Y $ holds.', 'Next.']],
  ['sentence that starts with mathematics', ['It holds.', '$x$ is prime.', '\\(y\\) is not.']],
  ['money', ['It costs $5. Now we pay $10.', 'It was $3. It is $4 now.'].flatMap((s) => s.split(/(?<=\$5\.|\$3\.) /))],
  ['\\( \\)', ['Take \\(a. B\\) and \\(c\\).', 'Then stop.']],
  ['\\[ \\] over lines', ['We get\n\\[ x = 1. \\]\nwhich is odd.', 'So be it.']],
  ['display after a stop', ['We are done.', '\\[ x = 1. Y = 2 \\]', 'Then we stop.'], '\n'],
  ['$$ $$', ['So $$a. B = c. D$$ holds.', 'Next one.']],
  ['environments', ['Solve \\begin{cases} x = 1. \\\\\n\n y = 2. \\end{cases} now.', 'Done.']],
  ['boxed', ['The answer is \\boxed{12. Yes}.', 'Thus \\boxed{\\frac{1}{2}. So}.', 'End.']],
  ['\\text with a stop', ['So \\text{No. It is {not}.} holds.', 'End.']],
  ['inline code', ['Call `a.b. C()` and `x. Y`.', 'Use ``a ` b. C`` too.', 'End.']],
  ['a fence is one sentence', ['Run this:', '```python\nprint("Hi. There.")\n\nx = 1\n```', 'It prints.'], '\n'],
  ['an open fence goes to the end', ['Code:', '~~~\nfoo. Bar.\n\nBaz.'], '\n'],
  ['a fence inside a list', ['1. Do this.', '```\na. B\n```', '2. Then that.'], '\n   '],
  ['paragraphs', ['No stop here', 'Another one'], '\n\n'],
  ['paragraphs of spaces', ['no stop here', 'another one'], '\n  \t\n'],
  ['bullets', ['Things:', '- one thing', '- another. thing', '* third', '• fourth'], '\n'],
  ['numbered lists', ['1. Compute the sum.', '2. Add 3.', '10) Stop', '(a) first', 'b) second'], '\n'],
  ['number of a list', ['1. Foo is here.', '2. Bar is there.'], '\n'],
  ['step', ['Step 1. Compute it.', 'Step 2: Add.', 'Case 3. The end.']],
  ['headings', ['# Title', 'Text here', '## Part two', 'more text'], '\n'],
  ['tables', ['| a | b |', '| 1. x | 2 |', 'after'], '\n'],
  ['short lines end', ['x = 1', 'y = 2', 'z = x + y'], '\n'],
  [
    'wrapped lines go on',
    ['This line of text was wrapped by somebody at a fixed width\nand goes on here without a stop.', 'Next.'],
  ],
  ['a comma goes on', ['First,\nsecond.', 'Third.']],
  ['a colon ends a line', ['We have:', 'The sum.'], '\n'],
  ['thinking tags', ['Okay, so', 'The answer is 5.'], '\n</think>\n\n'],
  ['template tags', ['Hello there', 'Bye now'], '<|im_end|><|im_start|>'],
  ['Chinese', ['我们先算一下。', '然后呢？', '对！', '他说：“好。”', '结束。'], ''],
  ['Japanese', ['「そうだ。」', '次に進む。'], ''],
  ['Chinese after a formula', ['所以 $x=1$。', '等等，3.5 不对。', 'So yes.', '好的。'], ''],
  ['full width and half width', ['等等.', '这不对。', 'Wait, 对吗?', '对。'], ''],
  ['words set apart', ['x = 3 .', 'wait : 4 + a -> 7 , yes .', '5 left .', 'part two done .']],
  ['web and files', ['See https://a.org/b.html?q=1 for file.txt and v1.2.3.', 'Done.']],
  [
    'abbreviated months and firms',
    ['It was Jan. 5 at Acme Inc. near town.', 'It was Acme Co. The firm closed.'].flatMap((s) => s.split(/(?<=Co\.) /)),
  ],
  ['time', ['We met at 5 p.m. on Monday.', 'It ended at 6 p.m.', 'Then we left.']],
  ['accents', ['C’est fini.', 'Élan vital est là.', 'Ñandú.']],
  ['question in lower case', ['is it so?', 'yes.', 'No.']],
];

describe('sentence splitter', { timeout: 60000 }, () => {
  it.each(cases)('%s', (_, sentences, joint = ' ') => {
    const expected = sentences.map((s) => (s.startsWith('```') || s.startsWith('~~~') ? s : s.replace(/\s+/g, ' ')));
    expect(splitSentences(sentences.join(joint))).toEqual(expected);
  });

  it('drops pieces without a letter or digit, and an empty text', () => {
    expect(splitSentences('---\n\n***\n\nA word.\n\n...\n\n|---|---|\n🎉')).toEqual(['A word.']);
    expect(splitSentences('')).toEqual([]);
    expect(splitSentences(' \n ')).toEqual([]);
    expect(splitSentences('<think>\n\n</think>')).toEqual([]);
  });

  it('spans are in order, apart, trimmed, and lose no letter outside tags', () => {
    const text = cases.map(([, sentences, joint = ' ']) => sentences.join(joint)).join('\n\n');
    let end = 0;
    let kept = '';
    for (const span of sentenceSpans(text)) {
      expect(span.start).toBeGreaterThanOrEqual(end);
      expect(text.slice(span.start, span.end).trim()).toHaveLength(span.end - span.start);
      kept += text.slice(span.start, span.end);
      end = span.end;
    }
    const letters = (s: string): string => s.replace(/<\/think>|<\|im_\w+\|>/g, '').replace(/[^\p{L}\p{N}]/gu, '');
    expect(letters(kept)).toBe(letters(text));
  });

  it('comes to an end on 100 kB of any mark, openers without a closer among them', () => {
    for (const piece of [
      '$',
      '$$ ',
      '\\[',
      '\\(',
      '\\begin{a}',
      '`',
      '``` ',
      '\\boxed{',
      '$a ',
      'A. ',
      '... ',
      '\n',
      '<|',
      '。',
      '(',
      '!?',
    ]) {
      const text = piece.repeat(Math.ceil(100000 / piece.length));
      expect(() => sentenceSpans(text)).not.toThrow();
    }
  });

  it('an unclosed opener protects nothing', () => {
    expect(splitSentences('Take \\[ x. Then y. And \\[ z. A \\] stop. End.')).toEqual([
      'Take \\[ x.',
      'Then y.',
      'And \\[ z. A \\] stop.',
      'End.',
    ]);
    expect(protectedSpans('a $b\n\nc$ d')).toEqual([]);
    expect(protectedSpans('cost \\$5. And \\$6')).toEqual([]);
  });
});
