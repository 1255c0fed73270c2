/** Random numbers keyed by what they are for, so that problem i never depends on how many were drawn before it. */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  /** @param key what the numbers are for; the same parts give the same numbers on every machine */
  constructor(...key: (string | number)[]) {
    const text = key.join('\u0000');
    const lane = (salt: number) => {
      let h = (0x811c9dc5 ^ salt) >>> 0; // FNV-1a, then a finaliser so that near keys part
      for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193) >>> 0;
      h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
      h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
      return (h ^ (h >>> 16)) >>> 0;
    };
    [this.a, this.b, this.c, this.d] = [lane(1), lane(2), lane(3), lane(4)];
    for (let i = 0; i < 12; i++) this.uint32();
  }

  /** The next 32 bits (sfc32, C. Doty-Humphrey's PractRand). */
  uint32(): number {
    const sum = (this.a + this.b + this.d) >>> 0;
    this.d = (this.d + 1) >>> 0;
    this.a = (this.b ^ (this.b >>> 9)) >>> 0;
    this.b = (this.c + (this.c << 3)) >>> 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) >>> 0;
    return sum;
  }

  /** Uniform in [0, 1). */
  unit(): number {
    return this.uint32() / 2 ** 32;
  }

  /** Uniform integer in [low, high], both included. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.unit() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.integer(0, from.length - 1)];
  }
}
