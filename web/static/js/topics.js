// What this page has seen of each topic, newest first in name order.

import { Emitter } from './emitter.js';
import { parseTime } from './format.js';

/**
 * @typedef {object} Topic
 * @property {string} name
 * @property {number} messages  that this page has read
 * @property {number} seen  the newest of them that was not retained, ms since 1970; 0: none
 * @property {number} id  of the newest
 * @property {object} newest
 */

/** Emits "changed". */
export class Topics extends Emitter {
  #byName = new Map();
  /** @type {Topic[]} by name */
  list = [];

  /** Counts messages, each once. */
  apply(messages) {
    let grown = false;
    for (const m of messages) {
      let t = this.#byName.get(m.topic);
      if (!t) {
        t = { name: m.topic, messages: 0, seen: 0, id: 0, newest: m };
        this.#byName.set(m.topic, t);
        this.list.push(t);
        grown = true;
      }
      if (m.id <= t.id) continue;
      Object.assign(t, { id: m.id, newest: m });
      if (!m.retained) t.seen = parseTime(m.received); // the age of a retained one is unknown
      t.messages++;
    }
    if (grown) this.list.sort((a, b) => (a.name < b.name ? -1 : 1));
    this.emit('changed');
  }

  clear() {
    this.#byName.clear();
    this.list = [];
    this.emit('changed');
  }
}

/** A term of the filter language that matches only this topic. */
export const topicTerm = (topic) => (/^[\w/.-]+$/.test(topic) ? `topic:${topic}` : `topic:"${topic.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`);
