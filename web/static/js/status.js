// What the page polls while it is visible.

import { Emitter } from './emitter.js';
import { get } from './api.js';
import { parseTime } from './format.js';

/** Emits "changed". */
export class Status extends Emitter {
  stats = null;
  /** @type {{since: number, cause: string}|null} null while the receiver answers */
  failure = null;
  events = { state: 'connecting', since: Date.now(), retry: 0, cause: '' };

  /** @param {import('./clock.js').Clock} clock */
  constructor(clock) {
    super();
    this.clock = clock;
  }

  async load() {
    const asked = Date.now();
    try {
      const stats = await get('/api/stats', {}, AbortSignal.timeout(5000));
      this.clock.sync(parseTime(stats.now), asked, Date.now());
      this.stats = stats;
      this.failure = null;
    } catch (error) {
      this.failure ??= { since: asked, cause: '' };
      this.failure.cause = error.name === 'TimeoutError' ? 'no answer within 5 s' : error.message;
    }
    this.emit('changed');
  }

  /** What the senders' messages do not come through now: {who, since}, or null. */
  away() {
    if (this.failure) return { who: 'receiver', since: this.failure.since };
    const link = this.stats?.link;
    return link && link.state !== 'connected' ? { who: 'broker', since: parseTime(link.since) } : null;
  }

  setEvents(state) {
    this.events = state;
    this.emit('changed');
  }

  setLink(link) {
    if (this.stats) this.stats.link = link;
    this.emit('changed');
  }
}

/** Runs work every ms milliseconds while the page is visible, each time after the last has ended. */
export function whileVisible(ms, work) {
  const loop = async () => {
    if (!document.hidden) {
      try {
        await work();
      } catch {
        // Status shows that the receiver does not answer; the next round tries again.
      }
    }
    setTimeout(loop, typeof ms === 'function' ? ms() : ms);
  };
  loop();
}
