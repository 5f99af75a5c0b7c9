// One event stream for all tabs of this address: a browser allows an address six
// connections, and a stream holds one as long as it lasts. The tab that has the
// lock reads the stream and hands on what comes; a tab that is hidden has neither.

import { Emitter } from './emitter.js';
import { answers } from './api.js';
import { Events } from './events.js';
import { Held } from './held.js';
import { limits } from './limits.js';

const name = 'hellox events 1'; // of the lock and of the channel; another number when what is handed on changes
const silence = 10 * limits.stats_ms; // a tab that hands on nothing for so long is stuck, and loses the lock
const forwarded = ['batch', 'sender', 'stats', 'link', 'state', 'restarted'];

/** Emits what Events emits, whichever tab reads the stream. */
export class SharedEvents extends Emitter {
  state = { state: 'connecting', since: Date.now(), retry: 0, cause: '' };
  held = new Held();

  #channel = new BroadcastChannel(name);
  #stop = null; // ends this tab's part; null: it has none
  #reads = false; // this tab has the lock
  #last = 0;
  #stats = null; // the newest, for tabs that come later
  #heard = 0;
  #watch = 0;

  constructor() {
    super();
    this.#channel.onmessage = ({ data }) => this.#received(data);
    answers.on('answered', () => {
      if (this.#stop && !this.#reads && this.state.state === 'retrying') this.#channel.postMessage({ kind: 'answered' });
    });
  }

  /** Begins to follow after an id. */
  start(last) {
    this.#last = Math.max(this.#last, last);
    if (this.#stop) return;
    this.#heard = Date.now();
    this.#watch = setInterval(() => this.#check(), limits.stats_ms);
    this.#request({});
    this.#channel.postMessage({ kind: 'ask' });
  }

  /** Stops; another tab reads on. */
  rest() {
    clearInterval(this.#watch);
    this.#stop?.abort();
    this.#stop = null;
  }

  /** Waits for the lock and reads the stream while this tab has it. */
  async #request(options) {
    const stop = this.#stop = new AbortController();
    const read = () => this.#read(stop.signal);
    try {
      // Without locks (an address that is neither loopback nor TLS) each tab reads for itself.
      if (!navigator.locks) await read();
      else await navigator.locks.request(name, options.steal ? options : { signal: stop.signal }, read);
    } catch {
      // Another tab took the lock away, or this tab rests.
    }
    if (stop.signal.aborted) return;
    stop.abort();
    await this.#request({});
  }

  async #read(stop) {
    if (stop.aborted) return;
    this.#reads = true;
    const events = new Events(this.#last, this.held);
    for (const kind of forwarded) events.on(kind, (value) => {
      if (stop.aborted) return;
      if (navigator.locks) this.#channel.postMessage({ kind, value });
      this.#apply(kind, value);
    });
    try {
      await events.run(stop);
    } finally {
      this.#reads = false;
    }
  }

  #received({ kind, value }) {
    if (!this.#stop) return;
    if (kind === 'ask') {
      if (this.#reads) this.#channel.postMessage({ kind: 'told', value: { state: this.state, stats: this.#stats, last: this.#last } });
    } else if (kind === 'answered') {
      if (this.#reads) answers.emit('answered');
    } else if (this.#reads || !navigator.locks) {
      return; // from a tab that has just lost the lock, or reads for itself
    } else if (kind === 'told') {
      this.#apply('state', value.state);
      if (value.stats) this.#apply('stats', value.stats);
      this.#apply('batch', { from: value.last, last: value.last, messages: [] });
    } else {
      this.#apply(kind, value);
    }
  }

  #apply(kind, value) {
    this.#heard = Date.now();
    if (kind === 'state') this.state = value;
    if (kind === 'stats') this.#stats = value;
    if (kind === 'batch') {
      this.#last = Math.max(this.#last, value.last);
      this.held.take(value.messages.at(-1));
    }
    if (kind === 'restarted') {
      this.#last = value;
      this.held.forget();
    }
    this.emit(kind, value);
  }

  /** Takes the lock from a tab that hands on nothing. */
  #check() {
    if (this.#reads || Date.now() - this.#heard < silence) return;
    this.#heard = Date.now() + Math.random() * silence; // not all tabs at once
    this.#stop.abort();
    this.#request({ steal: true });
  }
}
