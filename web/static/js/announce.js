// For who listens instead of looking: what happened, at most every ten seconds.

import { text } from './dom.js';
import { clean } from './clean.js';

const every = 10_000;

/** A throttled polite live region. */
export class Announcer {
  #messages = 0;
  #words = [];
  #timer = 0;

  /** @param {HTMLElement} region */
  constructor(region) { this.region = region; }

  messages(n) {
    this.#messages += n;
    this.#soon();
  }

  /** A change of a sender's state is said by name. */
  state(sender, state) {
    this.#words.push(`${clean(sender)} ${state}`);
    if (this.#words.length > 5) this.#words.shift();
    this.#soon();
  }

  #soon() {
    this.#timer ||= setTimeout(() => {
      const words = [...this.#words];
      if (this.#messages) words.push(`${this.#messages} new message${this.#messages === 1 ? '' : 's'}`);
      text(this.region, words.join(', '));
      this.#messages = 0;
      this.#words = [];
      this.#timer = 0;
    }, every);
  }
}
