/** Seeded damage to files: to their bytes, and to the structure of the JSON that they hold. */
import { Random } from '../tasks/random.js';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Values that have broken readers before; texts are put in as they stand, so that what is no JSON is among them. */
const hostile = [
  'null', 'true', '-1', '0', '1e999', '-1e999', '0.5', '2147483648', '9007199254740993', '""', '"\\ud800"', '"\\u0000"', '[]', '{}',
  '[[]]', '[null]', '{"__proto__":1}', '"(a+)+$"', '"["', 'NaN', '-', '"', `"${'x'.repeat(5000)}"`, '['.repeat(3000),
  `${'['.repeat(200)}${']'.repeat(200)}`,
]; // prettier-ignore

const marker = '\u0001'; // stands where a hostile text goes in; JSON.stringify escapes no other string to it

/** One to three changes of a file's bytes. */
export function damagedBytes(bytes: Buffer, random: Random): Buffer {
  let damaged = bytes;
  for (let n = random.integer(1, 3); n > 0; n--) damaged = damageOnce(damaged, random);
  return damaged;
}

function damageOnce(bytes: Buffer, random: Random): Buffer {
  const at = random.integer(0, Math.max(0, bytes.length - 1));
  const end = Math.min(bytes.length, at + random.integer(1, 30));
  const [before, chunk, after] = [bytes.subarray(0, at), bytes.subarray(at, end), bytes.subarray(end)];
  switch (random.integer(0, 6)) {
    case 0: {
      const changed = Buffer.from(bytes);
      if (changed.length > 0) changed[at] ^= 1 << random.integer(0, 7);
      return changed;
    }
    case 1:
      return Buffer.concat([before, Buffer.of(random.integer(0, 255)), bytes.subarray(at + 1)]);
    case 2:
      return Buffer.concat([before, after]);
    case 3:
      return Buffer.concat([before, chunk, chunk, after]);
    case 4:
      return before;
    case 5:
      return Buffer.concat([before, Buffer.from(random.pick(hostile)), bytes.subarray(at)]);
    default:
      return Buffer.concat([bytes, chunk]);
  }
}

/** A JSON text with one to three of its values replaced, dropped, doubled or moved; numbers, names and nesting included. */
export function damagedJson(text: string, random: Random): string {
  const root = { value: JSON.parse(text) as Json };
  const texts: string[] = [];
  for (let n = random.integer(1, 3); n > 0; n--) {
    const [holder, key] = random.pick(places(root));
    const values = holder as Record<string, Json>;
    switch (random.integer(0, 5)) {
      case 0:
        if (Array.isArray(holder)) holder.splice(Number(key), 1);
        else if (holder !== root) delete values[key];
        break;
      case 1: {
        const [other, name] = random.pick(places(root));
        values[key] = structuredClone((other as Record<string, Json>)[name]);
        break;
      }
      case 2:
        if (Array.isArray(holder)) holder.push(structuredClone(holder[Number(key)]));
        else if (holder !== root) values[`${key}${random.pick(['', ' ', 's', '_'])}`] = values[key];
        break;
      default:
        texts.push(random.pick(hostile));
        values[key] = marker;
    }
  }
  const quoted = JSON.stringify(marker);
  return texts.reduce((json, hostileText) => json.replace(quoted, () => hostileText), JSON.stringify(root.value));
}

/** Every place that holds a value: what holds it, and under which key or index. */
function places(holder: object): [object, string][] {
  return Object.entries(holder).flatMap(([key, value]: [string, Json]): [object, string][] => [
    [holder, key],
    ...(typeof value === 'object' && value !== null ? places(value) : []),
  ]);
}
