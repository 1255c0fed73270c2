// Writes tokenizer.json and tokenizer_config.json of the bundled models into a folder; with --count prints the number of tokens.
//   node tokenizer.mjs DIR | --count
import { writeFileSync } from 'node:fs';
import { specialTokens, vocabulary } from '../../../dist/tasks/vocabulary.js';

const [target] = process.argv.slice(2);
if (target === '--count') {
  console.log(vocabulary.length);
} else {
  const special = new Set(specialTokens);
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((content, id) => ({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: special.has(content) })),
    normalizer: null,
    pre_tokenizer: { type: 'WhitespaceSplit' },
    post_processor: null,
    decoder: null,
    model: { type: 'WordLevel', vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])), unk_token: '<pad>' },
  };
  const config = { tokenizer_class: 'PreTrainedTokenizerFast', bos_token: '<bos>', eos_token: '<eos>', pad_token: '<pad>', unk_token: '<pad>', clean_up_tokenization_spaces: false, add_bos_token: false };
  writeFileSync(`${target}/tokenizer.json`, JSON.stringify(tokenizer) + '\n');
  writeFileSync(`${target}/tokenizer_config.json`, JSON.stringify(config, null, 2) + '\n');
}
