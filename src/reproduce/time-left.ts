const telling = 5; // seconds: in shorter parts what starts a kernel counts more than the work

/** Time left of work whose parts took known seconds on another machine, or on this one on another day. */
export class TimeLeft {
  /** Seconds that parts long enough to tell the pace took now, and took then. */
  #spent = 0;
  #took = 0;
  #done = 0;
  #part = 0;
  #partBegan: number;

  constructor(
    private readonly total: number,
    now: number,
  ) {
    this.#partBegan = now;
  }

  /** A part that took `part` begins after `done` of the total; all in the old seconds, but `now`, in this run's. */
  begin(done: number, part: number, now: number): void {
    if (this.#part >= telling) {
      this.#spent += now - this.#partBegan;
      this.#took += this.#part;
    }
    this.#done = done;
    this.#part = part;
    this.#partBegan = now;
  }

  /** Work done, and the seconds left, the part at hand and the rest reckoned to go as the parts before them did. */
  at(now: number): { done: number; secondsLeft: number } {
    // Some work is taken as done at the old speed, so that one short part does not speak for all.
    const believed = Math.min(10, this.total / 20);
    const pace = (this.#spent + believed) / (this.#took + believed);
    const inPart = now - this.#partBegan;
    const restOfPart = Math.max(this.#part * pace - inPart, 0);
    const overdue = restOfPart > 0 ? 0 : inPart / 20;
    const rest = (this.total - this.#done - this.#part) * pace;
    return { done: this.#done + this.#part - restOfPart / pace, secondsLeft: restOfPart + overdue + rest };
  }
}
