/** Clock is the receiver's clock. Every age is computed with it, not with this machine's. */
export class Clock {
  #offset = 0;

  /** Sets the clock. @param {number} now the receiver's time in ms @param {number} asked when it was asked and @param {number} answered when it answered, by this machine's clock */
  sync(now, asked, answered) { this.#offset = now - (asked + answered) / 2; }

  /** Corrects a clock that is behind: now is the receiver's time some while ago. */
  atLeast(now) { this.#offset = Math.max(this.#offset, now - Date.now()); }

  /** The receiver's time in milliseconds since 1970. */
  now() { return Date.now() + this.#offset; }
}
