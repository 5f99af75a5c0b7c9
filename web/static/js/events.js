// The event stream, read with fetch: unlike EventSource it reports why a request
// was refused and when it tries again.

import { Emitter } from './emitter.js';
import { Problem, query, request } from './api.js';
import { limits } from './limits.js';

const firstWait = 500, longestWait = 10_000;
const silence = 3 * limits.heartbeat_ms; // the connection is lost if nothing arrives for so long

/**
 * Follows GET /api/events and resumes after the last id whenever the
 * connection ends. Emits "messages" (an array), "sender", "link", "evicted",
 * "state" ({state: connecting|connected|retrying, since, retry, cause}) and
 * "refused" (a Problem that a retry would not change).
 */
export class Events extends Emitter {
  #stop = new AbortController();
  #last;
  #params;
  #state = { state: 'connecting', since: Date.now(), retry: 0, cause: '' };

  /** @param {{filter?: string, sender?: string}} params @param {number} last begin after this id */
  constructor(params, last) {
    super();
    this.#params = params;
    this.#last = last;
  }

  get last() { return this.#last; }

  /** Runs until close. */
  async run() {
    let wait = firstWait;
    const stop = this.#stop.signal;
    while (!stop.aborted) {
      try {
        await this.#connect(() => { wait = firstWait; });
        this.#setState('retrying', 'the stream ended');
      } catch (error) {
        if (stop.aborted) return;
        if (error instanceof Problem && error.status >= 400 && error.status < 500) {
          this.emit('refused', error);
          return;
        }
        this.#setState('retrying', error.message);
      }
      if (stop.aborted) return;
      const delay = wait * (0.75 + Math.random() / 2);
      this.#state.retry = Date.now() + delay;
      this.emit('state', this.#state);
      await pause(delay, stop);
      wait = Math.min(wait * 2, longestWait);
    }
  }

  close() { this.#stop.abort(); }

  async #connect(connected) {
    const cut = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, cut.signal]);
    let watchdog = setTimeout(() => cut.abort(), silence);
    try {
      const response = await request('/api/events' + query({ ...this.#params, after: this.#last }), { signal });
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
    const messages = [];
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
      else this.emit(event, value);
    }
    if (messages.length) this.emit('messages', messages);
    return chunk.slice(end + 2);
  }

  #setState(state, cause) {
    if (this.#state.state !== state) this.#state = { state, since: Date.now(), retry: 0, cause };
    else this.#state = { ...this.#state, cause };
    this.emit('state', this.#state);
  }
}

/** Waits ms, or until stop. @param {number} ms @param {AbortSignal} stop */
function pause(ms, stop) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    stop.addEventListener('abort', () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}
