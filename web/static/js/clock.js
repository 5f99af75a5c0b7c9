/** The receiver's clock: every age is told by it, whatever this machine's says. */
export class Clock {
  #offset = 0;

  /** @param {string|number} now what the receiver said, in ms @param {number} asked @param {number} answered by this machine's clock */
  learn(now, asked, answered) { this.#offset = now - (asked + answered) / 2; }

  /** Milliseconds since 1970, there. */
  now() { return Date.now() + this.#offset; }
}
