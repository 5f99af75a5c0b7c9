// The senders as the server lists them, trouble first: of many only those around what is
// shown. Their states are the server's.

import { Emitter } from './emitter.js';
import { get, query } from './api.js';
import { parseTime } from './format.js';
import { latest } from './latest.js';
import { states } from './states.js';

const maxIntervals = 14; // of a spark line, as the server sends
const pageSize = 100; // senders of a request
const held = 2000; // senders that are remembered although they are not listed

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

/**
 * @typedef {object} Group  senders whose names begin alike, as the API has it
 * @property {string} prefix
 * @property {number} senders
 * @property {Record<string, number>} states
 * @property {string} worst  the state of the one to look at first
 */

/** Emits "changed" (another list). What changes of those that are listed is read when it is shown. */
export class Senders extends Emitter {
  /** @type {Map<string, Sender>} those that are listed or were */
  #byName = new Map();
  /** @type {Sender[]} those that are listed, in the order of the server */
  list = [];
  first = 0; // place of the first one of list among all that are found
  found = 0;
  withCadence = 0; // of those found; the others are last
  podsTold = false; // a process tells of their pods
  /** @type {Group[]|null} null: the senders are listed one by one */
  groups = null;
  group = null; // prefix of the only group that is listed; null: all
  search = '';
  sort = 'trouble';
  #away = null;
  #counts = null; // of all, by state
  #around = 0; // place that was asked for last

  /** Reads the list anew, around the sender at a place, or the one asked for last. */
  load(around = this.#around) {
    this.#around = around;
    return this.#load(around);
  }

  /** One at a time: under load an answer may take longer than until the next is wanted. */
  #load = latest((around) => this.#read(around));

  async #read(around) {
    if (this.sort === 'group' && this.group == null) {
      const { groups } = await get('/api/senders/groups', { search: this.search });
      Object.assign(this, { groups, list: [], first: 0, found: 0, withCadence: 0 });
      this.emit('changed');
      return;
    }
    const offset = Math.max(0, around - Math.floor(pageSize / 3));
    const order = this.sort === 'group' ? 'trouble' : this.sort;
    const one = this.group == null ? '' : '&group=' + encodeURIComponent(this.group); // of those without a group it is empty
    const answer = await get('/api/senders' + query({ sort: order, search: this.search, offset, limit: pageSize }) + one);
    Object.assign(this, { groups: null, first: offset, found: answer.total, withCadence: answer.with_cadence, podsTold: answer.pods_told });
    this.list = answer.senders.map((facts) => this.#take(facts));
    this.#forget();
    this.emit('changed');
  }

  /** The sender at a place among all that are found; undefined: it is not loaded. */
  at(place) { return this.list[place - this.first]; }

  /** Bounds what is remembered. */
  #forget() {
    if (this.#byName.size <= held) return;
    const listed = new Set(this.list.map((s) => s.name));
    for (const name of this.#byName.keys()) if (!listed.has(name)) this.#byName.delete(name);
  }

  /** Removes all senders. */
  clear() {
    this.#byName.clear();
    Object.assign(this, { list: [], first: 0, found: 0, withCadence: 0, groups: null });
    this.emit('changed');
  }

  get(name) { return this.#byName.get(name); }

  /** Those that are listed or were, by name. */
  get known() { return [...this.#byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1)); }

  /** Names that hold a text, as the server finds them. @returns {Promise<string[]>} */
  async find(text, limit) {
    const { senders } = await get('/api/senders', { search: text, sort: 'name', limit });
    return senders.map((s) => s.sender);
  }

  /**
   * Sets what is away, so that no sender's state is known.
   * @param {{who: string, since: number}|null} away null: nothing
   */
  setAway(away) {
    if (away?.who === this.#away?.who && away?.since === this.#away?.since) return;
    this.#away = away;
  }

  /** Takes the number of senders in each state from the totals. */
  setCounts(counts) { this.#counts = counts ?? {}; }

  /** A sender as it is shown. @param {Sender} s */
  shown(s) { return this.#away ? { ...s, state: 'unknown', away: this.#away } : s; }

  /** Applies a change of a sender's state. */
  update(facts) {
    if (this.#byName.has(facts.sender)) this.#take(facts);
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
    for (const m of messages) {
      const s = this.#byName.get(m.sender);
      if (!s || m.id <= s.last) continue;
      s.last = m.id;
      if (m.color) s.color = m.color;
      if (m.retained) continue;
      if (m.delta_ms != null) {
        s.spark.push(m.delta_ms);
        if (s.spark.length > maxIntervals) s.spark.shift();
      }
      s.seen = Math.max(s.seen, parseTime(m.received));
    }
  }

  /** The number of senders in each state: [["on time", 4], ["silent", 1]]. */
  counts() {
    const counts = this.#counts ?? {};
    const all = Object.values(counts).reduce((a, b) => a + b, 0);
    if (this.#away) return all ? [['unknown', all]] : [];
    return states.map((state) => [state, counts[state] ?? 0]).filter(([, n]) => n > 0);
  }
}
