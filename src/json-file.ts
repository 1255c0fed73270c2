/** JSON that came from outside: read, parsed and checked against a schema, each failure naming the place. */
import { readFile, stat } from 'node:fs/promises';
import type { z } from 'zod';
import { PathPressError, type ErrorCode } from './engine/errors.js';
import { jsonErrorLine, lostKey } from './json-error-line.js';

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** @throws PathPressError BAD_UTF8 naming the place; nothing is put in place of a broken character. */
export function decodeUtf8(bytes: Uint8Array, place: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new PathPressError('BAD_UTF8', `${place}: not valid UTF-8`, { cause });
  }
}

/** @throws PathPressError BAD_JSON naming the place: a file, or a line of one. */
export function parseJson(text: string, place: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const line = text.trimEnd().includes('\n') ? ` line ${jsonErrorLine(text)}` : '';
    throw new PathPressError('BAD_JSON', `${place}${line}: not JSON: ${(cause as Error).message}`, { cause });
  }
}

/** `parseJson` of what people write by hand. @throws PathPressError BAD_JSON also for a key whose value would be lost (`lostKey`). */
export function parseWritten(text: string, place: string): unknown {
  const value = parseJson(text, place);
  const lost = lostKey(text);
  if (lost) throw new PathPressError('BAD_JSON', `${place} line ${lost.line}: key ${JSON.stringify(lost.key)} ${lost.why}`);
  return value;
}

/**
 * The bytes of a file of a model. A pipe in its place is refused: whoever reads one waits for its other end, perhaps for ever.
 * @throws the system's own error; PathPressError BAD_FILE where it is no regular file
 */
export async function readRegular(path: string): Promise<Buffer> {
  if (!(await stat(path)).isFile()) throw new PathPressError('BAD_FILE', `${path}: not a regular file`);
  return readFile(path);
}

/** The bytes of a file. @throws PathPressError BAD_FILE naming it where it cannot be read or is no regular file. */
export async function readBytes(path: string): Promise<Buffer> {
  return readRegular(path).catch((cause: Error) => {
    if (cause instanceof PathPressError) throw cause;
    throw new PathPressError('BAD_FILE', `${path}: ${cause.message}`, { cause });
  });
}

/** Parses a JSON file. @throws PathPressError BAD_FILE (not readable), BAD_UTF8, BAD_JSON, each naming the file. */
export async function readJson(path: string): Promise<unknown> {
  return parseJson(decodeUtf8(await readBytes(path), path), path);
}

/** Checks a value against a schema. @throws PathPressError `code`, naming the place, the field and its value. */
export function parseAs<T>(
  schema: z.ZodType<T>,
  value: unknown,
  place: string,
  code: ErrorCode = 'BAD_CONFIG',
): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0];
  throw new PathPressError(code, `${place}: ${path.join('.') || 'the file'} ${shownAt(value, path)}: ${message}`);
}

/** What stands at a path of a value, as the beginning of its JSON; `missing` where there is nothing. */
export function shownAt(value: unknown, path: readonly PropertyKey[], missing = 'undefined'): string {
  const found = path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | null | undefined)?.[key], value);
  try {
    return (JSON.stringify(found) ?? missing).slice(0, 80);
  } catch (cause) {
    if (cause instanceof RangeError) return 'nested too deep';
    throw cause;
  }
}
