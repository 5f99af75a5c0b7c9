// The senders as the API and the event stream describe them. Their states are the server's.

import { Emitter } from './emitter.js';
import { get } from './api.js';
import { parseTime } from './format.js';
import { states } from './states.js';

const maxIntervals = 14; // of a spark line, as the server sends

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
  /** @type {Map<string, Sender>} */
  #byName = new Map();
  /** @type {Sender[]} by name */
  list = [];
  #away = null;

  /** Reads the senders from the API. */
  async load() {
    const { senders } = await get('/api/senders');
    for (const facts of senders) this.update(facts, false);
    this.emit('changed');
  }

  /** Removes all senders. */
  clear() {
    this.#byName.clear();
    this.list = [];
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

  /** A sender as it is shown. @param {Sender} s */
  shown(s) { return this.#away ? { ...s, state: 'unknown', away: this.#away } : s; }

  /** Applies a sender as the API or an event describes it. */
  update(facts, notify = true) {
    const s = this.#entry(facts.sender, facts.ours);
    Object.assign(s, {
      ours: facts.ours, state: facts.state, since: facts.since ? parseTime(facts.since) : 0,
      expected: facts.expected_ms ?? 0, color: facts.color ?? s.color, facts,
    });
    if (facts.last_id >= s.last) {
      s.last = facts.last_id;
      s.spark = [...facts.recent_ms ?? []];
    }
    if (facts.last_seen) s.seen = Math.max(s.seen, parseTime(facts.last_seen));
    if (notify) this.emit('changed');
  }

  /** Applies messages that have just arrived, newest last. What they change of a state, the server says. */
  apply(messages) {
    for (const m of messages) {
      const s = this.#entry(m.sender, m.text != null);
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
  }

  /** The number of senders in each state: [["on time", 4], ["silent", 1]]. */
  counts() {
    const n = new Map(states.map((s) => [s, 0]));
    for (const one of this.list) {
      const { state } = this.shown(one);
      n.set(state, (n.get(state) ?? 0) + 1);
    }
    return [...n].filter(([, count]) => count > 0);
  }

  #entry(name, ours) {
    let s = this.#byName.get(name);
    if (!s) {
      s = { name, ours, state: 'unknown', since: 0, seen: 0, expected: 0, color: '', spark: [], last: 0, facts: null };
      this.#byName.set(name, s);
      this.list.splice(indexFor(this.list, name), 0, s);
    }
    return s;
  }
}

const collator = new Intl.Collator('en', { numeric: true });

/** The index at which name belongs in the sorted list: press-2 before press-10. */
function indexFor(list, name) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (collator.compare(list[middle].name, name) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
