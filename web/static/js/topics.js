// The topics as the server counts them, as a tree.

import { Emitter } from './emitter.js';
import { get } from './api.js';
import { parseTime } from './format.js';

const minute = 60_000;
const openAtFirst = 40; // nodes below a level that is shown open

/**
 * @typedef {object} Node  a level, or several that have nothing beside them
 * @property {string} name  "broadcast", or "hello_world/broadcast"
 * @property {string} path  the whole topic down to here
 * @property {Map<string, Node>} children
 * @property {object|null} facts  the server's, if messages have this topic
 * @property {number} seen  when its newest message was received if that was not retained, ms since 1970; else 0
 * @property {number} messages  with those below
 * @property {number} rate  messages a second, with those below; of topics that were silent for a minute 0
 * @property {number} topics  with those below
 */

/** Emits "changed". */
export class Topics extends Emitter {
  /** @type {Map<string, object>} the server's facts by topic */
  #facts = new Map();
  #root = node('', '');
  #newest = 0; // id up to which the facts are known
  #open = new Map(); // by path: whether the user opened or closed it

  /** Reads what has changed since the last time. @param {number} now ms since 1970, by the receiver's clock */
  async load(now, whole = false) {
    let after, stored;
    let newest = this.#newest;
    do {
      const { topics, next, total } = await get('/api/topics', { after, changed: this.#newest || undefined });
      for (const t of topics) {
        this.#facts.set(t.topic, t);
        newest = Math.max(newest, t.last_id);
      }
      stored = total;
      after = next;
    } while (after != null);
    this.#newest = newest;
    if (this.#facts.size > stored && !whole) { // some were evicted
      this.#facts.clear();
      this.#newest = 0;
      await this.load(now, true);
      return;
    }
    this.#build(now);
    this.emit('changed');
  }

  clear() {
    this.#facts.clear();
    this.#newest = 0;
    this.#root = node('', '');
    this.emit('changed');
  }

  /** Every topic. */
  get names() { return [...this.#facts.keys()]; }

  toggle(path, open) {
    this.#open.set(path, open);
    this.emit('changed');
  }

  /** Closes all that is open, or opens all. */
  toggleAll() {
    const open = !this.rows().some((row) => row.open);
    const set = (at) => {
      for (const child of at.children.values()) {
        if (child.children.size) this.#open.set(child.path, open);
        set(child);
      }
    };
    set(this.#root);
    this.emit('changed');
  }

  #build(now) {
    const root = node('', '');
    for (const [topic, facts] of this.#facts) {
      let at = root, path = '';
      for (const level of topic.split('/')) {
        path = at === root ? level : path + '/' + level;
        let child = at.children.get(level);
        if (!child) at.children.set(level, child = node(level, path));
        at = child;
      }
      at.facts = facts;
      at.seen = facts.retained ? 0 : parseTime(facts.received);
    }
    join(root);
    count(root, now);
    this.#root = root;
  }

  /** The rows that are open: nodes with their depth. @returns {{node: Node, depth: number, open: boolean}[]} */
  rows() {
    const rows = [];
    const add = (parent, depth) => {
      for (const child of [...parent.children.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
        const open = child.children.size > 0 && (this.#open.get(child.path) ?? (depth === 0 || child.children.size <= openAtFirst));
        rows.push({ node: child, depth, open });
        if (open) add(child, depth + 1);
      }
    };
    add(this.#root, 0);
    return rows;
  }
}

const node = (name, path) => ({ name, path, children: new Map(), facts: null, seen: 0, messages: 0, rate: 0, topics: 0 });

/** Joins levels that have nothing beside them. */
function join(at) {
  for (const [level, child] of at.children) {
    let one = child;
    while (!one.facts && one.children.size === 1) {
      const [only] = one.children.values();
      only.name = one.name + '/' + only.name;
      one = only;
    }
    at.children.set(level, one);
    join(one);
  }
}

/** Counts messages, their rate and topics of each node with those below. */
function count(at, now) {
  at.messages = at.facts?.messages ?? 0;
  at.rate = at.seen > now - minute ? at.facts?.rate_1m ?? 0 : 0; // the server tells only of topics that change
  at.topics = at.facts ? 1 : 0;
  for (const child of at.children.values()) {
    count(child, now);
    at.messages += child.messages;
    at.rate += child.rate;
    at.topics += child.topics;
  }
}
