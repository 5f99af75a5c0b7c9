// The senders as the server lists them, trouble first. Their states are the server's.

import { Emitter } from './emitter.js';
import { get } from './api.js';
import { parseTime } from './format.js';
import { states } from './states.js';

const maxIntervals = 14; // of a spark line, as the server sends
const pageSize = 300; // senders of a request

/**
 * @typedef {object} Sender
 * @property {string} name
 * @property {boolean} ours
 * @property {string} state
 * @property {number} since  when the state began, ms since 1970
 * @property {number} seen  when its newest message arrived, ms since 1970
 * @property {number} expected  ms from that to the next; 0: unknown
 * @property {string} color  as declared
 * @property {number[]} spark  its newest intervals in ms, newest last
 * @property {number} last  id of the newest message applied
 * @property {object} facts  the API's newest answer
 */

/** Emits "changed". */
export class Senders extends Emitter {
  /** @type {Map<string, Sender>} those that are listed or were */
  #byName = new Map();
  /** @type {Sender[]} in the order of the server */
  list = [];
  found = 0; // how many there are, of which list is the beginning
  search = '';
  sort = 'trouble';
  #away = null;
  #counts = null; // of all, by state
  #asked = 0;

  /** Reads the beginning of the list, or more of it. */
  async load(more = false) {
    const asked = ++this.#asked, limit = more ? this.list.length + pageSize : Math.max(pageSize, this.list.length);
    const { senders, total } = await get('/api/senders', { sort: this.sort, search: this.search, limit });
    if (asked !== this.#asked) return;
    this.found = total;
    this.list = senders.map((facts) => this.#take(facts));
    this.emit('changed');
  }

  /** Removes all senders. */
  clear() {
    this.#byName.clear();
    this.list = [];
    this.found = 0;
    this.emit('changed');
  }

  get(name) { return this.#byName.get(name); }

  /**
   * Sets what is away, so that no sender's state is known.
   * @param {{who: string, since: number}|null} away null: nothing
   */
  setAway(away) {
    if (away?.who === this.#away?.who && away?.since === this.#away?.since) return;
    this.#away = away;
    this.emit('changed');
  }

  /** Takes the number of senders in each state from the totals. */
  setCounts(counts) { this.#counts = counts ?? {}; }

  /** A sender as it is shown. @param {Sender} s */
  shown(s) { return this.#away ? { ...s, state: 'unknown', away: this.#away } : s; }

  /** Applies a change of a sender's state. */
  update(facts) {
    this.#take(facts);
    this.emit('changed');
  }

  #take(facts) {
    let s = this.#byName.get(facts.sender);
    if (!s) {
      s = { name: facts.sender, seen: 0, color: '', spark: [], last: 0 };
      this.#byName.set(facts.sender, s);
    }
    Object.assign(s, {
      ours: facts.ours, state: facts.state, since: facts.since ? parseTime(facts.since) : 0,
      expected: facts.expected_ms ?? 0, color: facts.color ?? s.color, facts,
    });
    if (facts.last_id >= s.last) {
      s.last = facts.last_id;
      s.spark = [...facts.recent_ms ?? []];
    }
    if (facts.last_seen) s.seen = Math.max(s.seen, parseTime(facts.last_seen));
    return s;
  }

  /** Applies messages that have just arrived, newest last. What they change of a state, the server says. */
  apply(messages) {
    let unknown = false;
    for (const m of messages) {
      const s = this.#byName.get(m.sender);
      if (!s) {
        unknown = true;
        continue;
      }
      if (m.id <= s.last) continue;
      s.last = m.id;
      if (m.color) s.color = m.color;
      if (m.retained) continue;
      if (m.delta_ms != null) {
        s.spark.push(m.delta_ms);
        if (s.spark.length > maxIntervals) s.spark.shift();
      }
      s.seen = Math.max(s.seen, parseTime(m.received));
    }
    this.emit('changed');
    return unknown;
  }

  /** The number of senders in each state: [["on time", 4], ["silent", 1]]. */
  counts() {
    const counts = this.#counts ?? {};
    const all = Object.values(counts).reduce((a, b) => a + b, 0);
    if (this.#away) return all ? [['unknown', all]] : [];
    return states.map((state) => [state, counts[state] ?? 0]).filter(([, n]) => n > 0);
  }
}
