/** What went wrong, for programs: a code keeps its meaning, and a new one is an addition. */
export type ErrorCode =
  | 'BAD_FLAG'
  | 'BAD_OPTION'
  | 'BAD_PROMPT'
  | 'BAD_FILE'
  | 'BAD_JSON'
  | 'BAD_UTF8'
  | 'BAD_CONFIG'
  | 'BAD_GGUF'
  | 'BAD_TENSOR'
  | 'BAD_WEIGHTS'
  | 'BAD_LOGITS'
  | 'BAD_SCORER'
  | 'BAD_TOKENIZER'
  | 'UNKNOWN_FAMILY'
  | 'EMPTY_TRACE'
  | 'RECORD_MISMATCH'
  | 'BAD_SWEEP'
  | 'BUSY'
  | 'OUT_OF_MEMORY'
  | 'NO_THREAD'
  | 'WRITE_FAILED'
  | 'FETCH_FAILED'
  | 'NOT_BUILT'
  | 'CUDA_UNAVAILABLE'
  | 'NOTEBOOK_FAILED'
  | 'DISPOSED'
  | 'INTERNAL';

/** Codes of a run that failed; the others are bad input, the user's to mend. */
const failures: ReadonlySet<string> = new Set([
  'OUT_OF_MEMORY',
  'NO_THREAD',
  'WRITE_FAILED',
  'FETCH_FAILED',
  'NOT_BUILT',
  'CUDA_UNAVAILABLE',
  'NOTEBOOK_FAILED',
  'DISPOSED',
  'INTERNAL',
]);

/** An error that names the thing and the value; `code` is stable, the message is for people. */
export class PathPressError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'PathPressError';
  }

  /** 2 for bad input, 1 for a run that failed. */
  get exitStatus(): 1 | 2 {
    return failures.has(this.code) ? 1 : 2;
  }
}

/** An option whose value is refused, and why. */
export interface Refusal {
  option: string;
  value: unknown;
  why: string;
}

/** BAD_OPTION of options by their names, each with its value: `keep 3: less than the window 32`. */
export class RefusedOptions extends PathPressError {
  constructor(readonly refusals: readonly Refusal[]) {
    super('BAD_OPTION', refusals.map(refusalText).join('; '));
  }
}

export function refusalText({ option, value, why }: Refusal): string {
  // JSON has no NaN and no BigInt, and a word for neither.
  const shown = typeof value === 'object' ? JSON.stringify(value) : value === undefined ? 'missing' : String(value);
  return `${option} ${shown}: ${why}`;
}

/** A native error keeps its code and message. */
export function toError(error: unknown): Error {
  const code = (error as { code?: unknown }).code;
  return error instanceof Error && typeof code === 'string' && !(error instanceof PathPressError)
    ? new PathPressError(code as ErrorCode, error.message, { cause: error })
    : (error as Error);
}

/** An error as a process tells another of it; what has no code of ours is INTERNAL. */
export function failureOf(error: unknown): { code: ErrorCode; message: string } {
  const code = error instanceof PathPressError ? error.code : 'INTERNAL';
  return { code, message: error instanceof Error ? error.message : String(error) };
}

/** @throws PathPressError BAD_OPTION naming the option and the value */
export function wholeAtLeast(least: number, name: string, value: number, most = Infinity): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    const range = most === Infinity ? `>= ${least}` : `from ${least} to ${most}`;
    throw new PathPressError('BAD_OPTION', `${name} must be a whole number ${range}, not ${value}`);
  }
}
