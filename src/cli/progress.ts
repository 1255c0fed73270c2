import cliProgress from 'cli-progress';

/** A bar with a rate and the time left; a line every ten seconds where the stream is no terminal, nothing without one. */
export class ProgressBar {
  readonly #bar: cliProgress.SingleBar | undefined;
  readonly #started = performance.now();
  #first: number | undefined;

  constructor(label: string, stream: NodeJS.WriteStream | undefined) {
    if (!stream) return;
    const format = `${label} {bar} {value}/{total} · {rate} · {left} left`;
    this.#bar = new cliProgress.SingleBar(
      {
        format,
        stream,
        noTTYOutput: true,
        notTTYSchedule: 10_000,
        hideCursor: true,
        clearOnComplete: true,
        emptyOnZero: true,
      },
      cliProgress.Presets.shades_classic,
    );
  }

  /** `rate` is shown as it stands; the time left, where it is not given, follows from the units done since the bar began. */
  update(done: number, total: number, rate: string, secondsLeft?: number): void {
    const seconds = (performance.now() - this.#started) / 1000;
    if (this.#first === undefined) {
      this.#first = done;
      this.#bar?.start(total, done, { rate, left: secondsLeft === undefined ? '?' : duration(secondsLeft) });
      return;
    }
    const since = done - this.#first;
    const left = secondsLeft ?? (since > 0 ? (seconds / since) * (total - done) : undefined);
    this.#bar?.update(done, { rate, left: left === undefined ? '?' : duration(left) });
  }

  stop(): void {
    this.#bar?.stop();
  }
}

/** `1 h 05 min`, `3 min 20 s`, `12 s`. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const two = (n: number) => String(n).padStart(2, '0');
  if (hours) return `${hours} h ${two(minutes)} min`;
  return minutes ? `${minutes} min ${two(whole % 60)} s` : `${whole} s`;
}
