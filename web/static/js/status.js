// The totals as the server sends them, and the state of the connection to it.

import { Emitter } from './emitter.js';
import { get } from './api.js';
import { parseTime } from './format.js';

/** Emits "changed" and "stats". */
export class Status extends Emitter {
  stats = null;

  #shared;

  /** @param {import('./clock.js').Clock} clock @param {import('./shared.js').SharedEvents} shared */
  constructor(clock, shared) {
    super();
    this.clock = clock;
    this.#shared = shared;
    shared.on('state', () => this.emit('changed'));
    shared.on('stats', (stats) => {
      this.clock.atLeast(parseTime(stats.now));
      this.#take(stats);
    });
    shared.on('link', (link) => {
      if (this.stats) this.stats.link = link;
      this.emit('changed');
    });
  }

  /** Asks for the totals. */
  async load() {
    const asked = Date.now();
    const stats = await get('/api/stats', {}, AbortSignal.timeout(5000));
    this.clock.sync(parseTime(stats.now), asked, Date.now());
    this.#take(stats);
    return stats;
  }

  #take(stats) {
    this.stats = stats;
    this.emit('changed');
    this.emit('stats', stats);
  }

  /** How the event stream is: {state: connecting|connected|retrying, since, retry, cause}. */
  get stream() { return this.#shared.state; }

  /** The receiver does not answer: {since, retry, cause}, or null. */
  get failure() { return this.stream.state === 'retrying' ? this.stream : null; }

  /** What the senders' messages do not come through now: {who, since}, or null. */
  away() {
    if (this.failure) return { who: 'receiver', since: this.failure.since };
    const link = this.stats?.link;
    return link && link.state !== 'connected' ? { who: 'broker', since: parseTime(link.since) } : null;
  }
}
