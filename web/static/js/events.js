// The event stream of all messages, read with fetch: unlike EventSource it reports
// why a request was refused and when it tries again.

import { Emitter } from './emitter.js';
import { answers, get, query, request } from './api.js';
import { limits } from './limits.js';

const firstWait = 500, longestWait = 10_000;
// The server sends totals every few seconds: without them for so long, the
// connection is lost.
const silence = 3 * limits.stats_ms;

/**
 * Follows GET /api/events and resumes after the last id whenever the connection
 * ends. Emits "batch" ({from, last, messages}: all that there are above the id
 * from, up to last), "sender", "stats", "link", "state" ({state:
 * connecting|connected|retrying, since, retry, cause}) and "restarted" (the
 * address now serves another history).
 */
export class Events extends Emitter {
  #last;
  #held;
  #state = { state: 'connecting', since: Date.now(), retry: 0, cause: '' };

  /** @param {number} last begin after this id @param {import('./held.js').Held} held */
  constructor(last, held) {
    super();
    this.#last = last;
    this.#held = held;
  }

  /** Runs until stop. @param {AbortSignal} stop */
  async run(stop) {
    let wait = firstWait;
    while (!stop.aborted) {
      try {
        await this.#connect(stop, () => { wait = firstWait; });
        this.#setState('retrying', 'the stream ended');
      } catch (error) {
        if (stop.aborted) return;
        this.#setState('retrying', error.name === 'AbortError' ? `nothing came for ${silence / 1000} s` : error.message);
      }
      if (stop.aborted) return;
      const delay = wait * (0.75 + Math.random() / 2);
      this.#state.retry = Date.now() + delay;
      this.emit('state', this.#state);
      await pause(delay, stop);
      wait = Math.min(wait * 2, longestWait);
    }
  }

  async #connect(stop, connected) {
    const cut = new AbortController();
    const signal = AbortSignal.any([stop, cut.signal]);
    let watchdog = setTimeout(() => cut.abort(), silence);
    try {
      const stats = await get('/api/stats', {}, signal);
      if (stats.last_id < this.#last || await this.#held.isGone(stats, signal)) {
        this.#last = stats.last_id;
        this.emit('restarted', this.#last);
      }
      const response = await request('/api/events' + query({ after: this.#last }), { signal });
      this.#setState('connected', '');
      connected();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = '';
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        clearTimeout(watchdog);
        watchdog = setTimeout(() => cut.abort(), silence);
        rest = this.#dispatch(rest + value);
      }
    } finally {
      clearTimeout(watchdog);
    }
  }

  /** Emits the complete events of a chunk and returns what is left of it. */
  #dispatch(chunk) {
    const end = chunk.lastIndexOf('\n\n');
    if (end < 0) return chunk;
    const messages = [], others = [], from = this.#last;
    for (const block of chunk.slice(0, end).split('\n\n')) {
      let event = '', data = '';
      for (const line of block.split('\n')) {
        if (line.startsWith('data: ')) data = line.slice(6);
        else if (line.startsWith('event: ')) event = line.slice(7);
        else if (line.startsWith('id: ')) this.#last = Number(line.slice(4));
      }
      if (data === '') continue;
      const value = JSON.parse(data);
      if (event === 'message') messages.push(value);
      else others.push([event, value]);
    }
    if (messages.length) this.emit('batch', { from, last: this.#last, messages });
    for (const [event, value] of others) this.emit(event, value);
    return chunk.slice(end + 2);
  }

  #setState(state, cause) {
    if (this.#state.state !== state) this.#state = { state, since: Date.now(), retry: 0, cause };
    else this.#state = { ...this.#state, cause };
    this.emit('state', this.#state);
  }
}

/** Waits ms, or until stop, or until the receiver has answered another request. @param {number} ms @param {AbortSignal} stop */
function pause(ms, stop) {
  return new Promise((resolve) => {
    const ended = () => {
      clearTimeout(timer);
      stop.removeEventListener('abort', ended);
      forget();
      resolve();
    };
    const timer = setTimeout(ended, ms), forget = answers.on('answered', ended);
    stop.addEventListener('abort', ended, { once: true });
  });
}
