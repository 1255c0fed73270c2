/** The sweep file: JSON that says which models, tasks, policies and seeds are crossed. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { PathPressError } from '../engine/errors.js';
import { devices, type Device } from '../engine/types.js';
import { decodeUtf8, parseWritten, readBytes, shownAt } from '../json-file.js';

const whole = (least: number, most: number) =>
  z.int({ error: 'must be a whole number' }).min(least, `must be at least ${least}`).max(most, `must be at most ${most}`);
const word = () => z.string({ error: 'must be a text' }).min(1, 'must not be empty');
const some = <T extends z.ZodType>(item: T) => z.array(item, { error: 'must be a list' }).min(1, 'must not be empty');
const number = () => z.number({ error: 'must be a number' });

const mostProblems = 1_000_000;
const seed = whole(0, Number.MAX_SAFE_INTEGER);

const notObject = { error: 'must be an object' };

const task = z.strictObject({
  name: word(),
  split: z.enum(['tune', 'test'], { error: 'must be tune or test' }).default('tune'),
  problems: whole(1, mostProblems).default(200),
  samplesPerProblem: whole(1, mostProblems).default(1),
}, notObject);

/** The policy's own options are settled later: it says itself which it takes. `problems`: of each task at most so many. */
const policy = z.looseObject({ name: word(), arm: word().regex(/^[^,]*$/, 'may hold no comma').optional(), problems: whole(1, mostProblems).optional() }, notObject);

const sampling = z.strictObject({
  temperature: number().min(0, 'must be at least 0').optional(),
  topP: number().gt(0, 'must be above 0').max(1, 'must be at most 1').optional(),
  topK: whole(0, 2 ** 31 - 1).optional(),
  minP: number().min(0, 'must be at least 0').max(1, 'must be at most 1').optional(),
  maxTokens: whole(1, 2 ** 31 - 1).optional(),
  stop: some(word()).optional(),
  ignoreEos: z.boolean({ error: 'must be true or false' }).optional(),
}, notObject);

const schema = z.strictObject({
  name: word().regex(/^[\w.-]+$/, 'may hold letters, digits, _, . and - only'),
  models: some(word()),
  tasks: some(task),
  policies: some(policy),
  seeds: some(seed).default([0]),
  sampling: sampling.default({}),
  device: z.enum(devices, { error: `must be one of ${devices.join(', ')}` }).optional(),
}, notObject);

/** A sweep file, its defaults filled in; what is left out of `sampling` is the model's own, no device the processor. */
export type SweepFile = z.infer<typeof schema>;

/** The device of a sweep; not a default that is filled in, since records hold files as they were before there was a choice. */
export const deviceOf = ({ device = 'cpu' }: Pick<SweepFile, 'device'>): Device => device;

/** A sweep file, and the SHA-256 of its bytes. */
export interface ReadSweep {
  file: SweepFile;
  hash: string;
}

/**
 * Reads a sweep file and holds it against the schema.
 * @throws PathPressError BAD_FILE; BAD_UTF8; BAD_JSON naming the line, also of a key whose value would be lost; BAD_SWEEP naming every mistake by its path in the file
 */
export async function readSweepFile(path: string): Promise<ReadSweep> {
  const bytes = await readBytes(path);
  const value = parseWritten(decodeUtf8(bytes, path), path);
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    throw mistakes(
      path,
      parsed.error.issues.flatMap((issue) =>
        issue.code === 'unrecognized_keys'
          ? issue.keys.map((key) => `${at([...issue.path, key])}: unknown`)
          : [`${at(issue.path)} ${shownAt(value, issue.path, 'missing')}: ${issue.message}`],
      ),
    );
  }
  return { file: parsed.data, hash: createHash('sha256').update(bytes).digest('hex') };
}

const mostShown = 20;

/** One error for all that is wrong with a sweep file. */
export function mistakes(path: string, what: readonly string[]): PathPressError {
  const rest = what.length > mostShown ? [`and ${what.length - mostShown} more`] : [];
  const lines = [...what.slice(0, mostShown), ...rest];
  return new PathPressError('BAD_SWEEP', lines.length === 1 ? `${path}: ${lines[0]}` : `${path}:\n  ${lines.join('\n  ')}`);
}

/** `policies[2].interval`. */
export function at(path: readonly PropertyKey[]): string {
  const text = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  return text.replace(/^\./, '') || 'the file';
}
