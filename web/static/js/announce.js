// Tells screen readers what happened, at most every ten seconds.

import { text } from './dom.js';
import { cleanTopic } from './clean.js';
import { plural } from './format.js';

const interval = 10_000; // ms

/** A throttled polite live region. */
export class Announcer {
  #messages = 0;
  #words = [];
  #timer = 0;

  /** @param {HTMLElement} region */
  constructor(region) { this.region = region; }

  /** Announces n new messages. */
  messages(n) {
    this.#messages += n;
    this.#schedule();
  }

  /** Announces that a sender's state changed. */
  state(sender, state) {
    this.#words.push(`${cleanTopic(sender)} ${state}`);
    if (this.#words.length > 5) this.#words.shift();
    this.#schedule();
  }

  #schedule() {
    this.#timer ||= setTimeout(() => {
      const words = [...this.#words];
      if (this.#messages) words.push(`${this.#messages} new ${plural(this.#messages, 'message')}`);
      text(this.region, words.join(', '));
      this.#messages = 0;
      this.#words = [];
      this.#timer = 0;
    }, interval);
  }
}
