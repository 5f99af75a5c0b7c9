// What is known of the senders: what the API tells of them, kept up to date by
// the messages that pass.

import { Emitter } from './emitter.js';
import { get } from './api.js';
import { parseTime } from './format.js';
import { states } from './states.js';

const remembered = 14; // intervals of a spark line

/**
 * @typedef {object} Sender
 * @property {string} name
 * @property {boolean} ours
 * @property {string} state
 * @property {number} since  in this state, ms since 1970
 * @property {number} seen  its newest message
 * @property {number} expected  ms from that to the next; 0: not known
 * @property {string} color  as declared
 * @property {number[]} spark  its newest intervals in ms
 * @property {number} last  id of the newest message folded in
 * @property {object} facts  what the API said last
 */

/** Emits "changed". */
export class Senders extends Emitter {
  /** @type {Map<string, Sender>} */
  #byName = new Map();
  /** @type {Sender[]} by name */
  list = [];

  /** Asks the API. */
  async load() {
    const { senders } = await get('/api/senders');
    for (const facts of senders) this.update(facts, false);
    this.emit('changed');
  }

  /** Forgets everything. */
  clear() {
    this.#byName.clear();
    this.list = [];
    this.emit('changed');
  }

  get(name) { return this.#byName.get(name); }

  /** Takes what the API or an event says of one. */
  update(facts, tell = true) {
    const s = this.#entry(facts.sender, facts.ours);
    Object.assign(s, {
      ours: facts.ours, state: facts.state, since: parseTime(facts.since),
      expected: facts.expected_ms ?? 0, color: facts.color ?? s.color, facts,
    });
    s.seen = Math.max(s.seen, parseTime(facts.last_seen));
    if (tell) this.emit('changed');
  }

  /** Folds messages in, newest last. live: they have just come. */
  fold(messages, live) {
    for (const m of messages) {
      const s = this.#entry(m.sender, m.text != null);
      if (m.id <= s.last) continue;
      s.last = m.id;
      if (m.color) s.color = m.color;
      if (m.delta_ms != null && !m.retained) {
        s.spark.push(m.delta_ms);
        if (s.spark.length > remembered) s.spark.shift();
      }
      if (!live) continue;
      const at = parseTime(m.received);
      s.seen = Math.max(s.seen, at);
      if (s.state === 'late' || s.state === 'silent') Object.assign(s, { state: 'on time', since: at });
    }
    this.emit('changed');
  }

  /** How many are in each state, heaviest last: [["on time", 4], ["silent", 1]]. */
  counts() {
    const n = new Map(states.map((s) => [s, 0]));
    for (const s of this.list) n.set(s.state, (n.get(s.state) ?? 0) + 1);
    return [...n].filter(([, count]) => count > 0);
  }

  #entry(name, ours) {
    let s = this.#byName.get(name);
    if (!s) {
      s = { name, ours, state: 'on time', since: 0, seen: 0, expected: 0, color: '', spark: [], last: 0, facts: null };
      this.#byName.set(name, s);
      this.list.splice(place(this.list, name), 0, s);
    }
    return s;
  }
}

const collator = new Intl.Collator('en', { numeric: true });

/** Where name belongs in the sorted list: press-2 before press-10. */
function place(list, name) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (collator.compare(list[middle].name, name) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
