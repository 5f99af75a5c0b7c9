// What the page shows of the history, and how it goes on: one state machine for
// opening, following, resting and what fails.

import { Emitter } from './emitter.js';
import { get } from './api.js';

const pageSize = 500; // messages of a request
const farBehind = 2000; // messages after which a following list begins anew
const pullEvery = 150; // ms between two requests of a filter for what is new
const retryFirst = 500, retryLongest = 5000;
const restAfter = 5000; // ms that a page may be hidden until it rests

/**
 * Emits "phase" (opening: what the view selects is being read; live; refused: the
 * filter does not parse; failed: it is tried again; resting: hidden), "opened"
 * ({around: id or 0}), "messages" (an array), "passed" (a number of messages that are left for later, 0: unknown),
 * "resumed" (shown again after a rest) and "restarted" (the address serves another history).
 */
export class Session extends Emitter {
  phase = 'opening';
  /** @type {Error|null} */
  error = null;
  retry = 0; // when it is tried again, ms since 1970
  keepsUp = false; // also while it is hidden

  #window;
  #view;
  #shared;
  #status;
  #turn = 0; // of openings
  #position = 0; // all messages up to this id have been taken into account
  #known = 0; // there are messages up to this id
  #pulling = false;
  #timer = 0;
  #wait = retryFirst;
  #idle = 0;

  /**
   * @param {import('./window.js').Window} window
   * @param {import('./view.js').View} view
   * @param {import('./shared.js').SharedEvents} shared
   * @param {import('./status.js').Status} status
   */
  constructor(window, view, shared, status) {
    super();
    this.#window = window;
    this.#view = view;
    this.#shared = shared;
    this.#status = status;
    shared.on('batch', (batch) => this.#arrived(batch));
    shared.on('state', (state) => { if (state.state === 'connected' && this.phase === 'failed') this.open(); });
    shared.on('restarted', () => { this.#restarted(); this.open(); });
    document.addEventListener('visibilitychange', () => this.#shownOrHidden());
    // A page that is left may be kept for "back", with what it holds.
    addEventListener('pagehide', () => { if (this.phase === 'live') this.#rest(); });
    addEventListener('pageshow', (e) => { if (e.persisted) this.#shownOrHidden(); });
  }

  /** Reads what the view selects: the newest messages, or those around the one it names. */
  async open() {
    const turn = ++this.#turn, around = this.#view.at || this.#view.id;
    clearTimeout(this.#timer);
    this.#set('opening');
    try {
      const { selection } = this.#view;
      const stats = await this.#status.load();
      if (stats.last_id < this.#position) this.#restarted();
      const last = await (around ? this.#window.around(selection, around) : this.#window.newest(selection));
      this.#shared.held.take(this.#window.messages.at(-1));
      await this.#shared.held.load(stats.last_id);
      if (turn !== this.#turn) return;
      this.#position = Math.max(stats.last_id, last);
      this.#known = Math.max(this.#known, this.#position);
      this.#wait = retryFirst;
      this.#set('live');
      this.emit('opened', { around });
      if (document.hidden && !this.keepsUp) this.#rest();
      else this.#follow();
    } catch (error) {
      if (turn === this.#turn) this.#fail(error);
    }
  }

  /** There is another history at the same address, or one that has lost what is shown. */
  #restarted() {
    this.#position = this.#known = 0;
    this.#shared.held.forget();
    this.emit('restarted');
  }

  #fail(error) {
    if (error.status === 400) {
      this.#window.clear();
      this.#set('refused', error);
      return;
    }
    this.retry = Date.now() + this.#wait;
    this.#timer = setTimeout(() => this.open(), this.#wait);
    this.#wait = Math.min(2 * this.#wait, retryLongest);
    this.#set('failed', error);
  }

  #set(phase, error = null) {
    this.phase = phase;
    this.error = error;
    this.emit('phase', phase);
  }

  #follow() {
    this.#shared.start(this.#position);
    this.#pull();
  }

  #rest() {
    this.#shared.rest();
    this.#set('resting');
  }

  /** A hidden page hands the stream to another one; it catches up by id when it is shown again. */
  #shownOrHidden() {
    clearTimeout(this.#idle);
    if (document.hidden) {
      this.#idle = setTimeout(() => { if (this.phase === 'live' && !this.keepsUp) this.#rest(); }, restAfter);
    } else if (this.phase === 'resting') {
      this.#resume();
    }
  }

  async #resume() {
    this.#set('live');
    try {
      const stats = await this.#status.load();
      if (stats.last_id < this.#position || await this.#shared.held.isGone(stats)) {
        this.#restarted();
        await this.open();
        return;
      }
      this.#known = Math.max(this.#known, stats.last_id);
    } catch {
      // The stream tells what is wrong, and how far the history is when it is back.
    }
    if (this.phase === 'live') this.#follow();
    this.emit('resumed');
  }

  /** Takes messages from the stream. They are all that there are above the id from. */
  #arrived({ from, last, messages }) {
    this.#known = Math.max(this.#known, last);
    if (this.phase !== 'live' || last <= this.#position) return;
    if (this.#pulling || this.#view.filter || from > this.#position) {
      this.#pull();
      return;
    }
    const { sender } = this.#window.selection;
    this.#take(messages.filter((m) => m.id > this.#position && (!sender || m.sender === sender)), last);
  }

  #take(messages, last) {
    this.#position = Math.max(this.#position, last);
    if (messages.length) this.emit('messages', messages);
  }

  /** Reads what there is above the position: of a filter, and what the stream has passed over. */
  async #pull() {
    if (this.#pulling) return;
    this.#pulling = true;
    const turn = this.#turn;
    try {
      while (this.#position < this.#known && this.phase === 'live' && turn === this.#turn) {
        if (this.#known - this.#position > farBehind || (this.#window.detached && !this.#view.filter)) {
          this.#skip();
          return;
        }
        const known = this.#known;
        const { messages, next } = await get('/api/messages', { ...this.#window.selection, after: this.#position, limit: pageSize });
        if (turn !== this.#turn) return;
        this.#take(messages, next ?? Math.max(known, messages.at(-1)?.id ?? 0));
        if (next == null) await new Promise((resolve) => setTimeout(resolve, this.#view.filter ? pullEvery : 0));
      }
    } catch {
      // The next batch asks again; the stream's state says what is wrong.
    } finally {
      this.#pulling = false;
      if (turn !== this.#turn) this.#pull();
    }
  }

  /** Far behind: a list that follows begins anew, another one leaves the rest for later. */
  #skip() {
    if (!this.#view.at) {
      this.open();
      return;
    }
    const { filter, sender } = this.#view;
    const passed = filter || sender ? 0 : this.#known - this.#position; // of a selection it is not known
    this.#window.detach();
    this.#position = this.#known;
    this.emit('passed', passed);
  }
}
