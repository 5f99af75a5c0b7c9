// What the page shows, as its address says: it can be bookmarked, and the same
// address opens the same view.

import { Emitter } from './emitter.js';
import { expand } from './namedfilters.js';

/** Emits "changed" when the user goes back or forward. */
export class View extends Emitter {
  filter = '';
  sender = '';
  at = 0; // id of the message in the middle when not following; 0: following
  id = 0; // selected

  #timer = 0;
  #typing = false; // the newest step back is of a filter that is being typed

  constructor() {
    super();
    this.#read();
    addEventListener('popstate', () => { this.#read(); this.emit('changed'); });
  }

  /** What is asked of the receiver, to which @NAME would be a text; throws a Problem if there is no filter of that name. */
  get selection() { return { filter: expand(this.filter), sender: this.sender }; }

  /** Changes the filter as it is typed: all of the typing is one step, until it is done. */
  type(filter) {
    this.set({ filter, at: 0 }, !this.#typing);
    this.#typing = true;
  }

  /** What is typed from now on is another step. */
  typed() { this.#typing = false; }

  /** Changes fields. push: as a step that "back" undoes. */
  set(fields, push = false) {
    Object.assign(this, fields);
    if (push) {
      this.#typing = false;
      clearTimeout(this.#timer);
      this.#timer = 0;
      history.pushState(null, '', this.address());
    } else if (!this.#timer) {
      // Browsers limit how often the address may change.
      this.#timer = setTimeout(() => { this.#timer = 0; history.replaceState(null, '', this.address()); }, 300);
    }
  }

  /** The address of this view with fields changed. */
  address(fields = {}) {
    const v = { filter: this.filter, sender: this.sender, at: this.at, id: this.id, ...fields };
    const q = new URLSearchParams();
    for (const name of ['filter', 'sender', 'at', 'id']) if (v[name]) q.set(name, v[name]);
    const s = q.toString();
    return location.pathname + (s && '?' + s);
  }

  #read() {
    this.#typing = false;
    const q = new URLSearchParams(location.search);
    for (const [name, value] of new URLSearchParams(location.hash.slice(1))) if (!q.has(name)) q.set(name, value);
    const id = (name) => (/^\d{1,16}$/.test(q.get(name) ?? '') ? Number(q.get(name)) : 0);
    this.filter = q.get('filter') ?? '';
    try {
      this.filter = expand(this.filter);
    } catch {
      // selection says it.
    }
    this.sender = q.get('sender') ?? '';
    this.id = id('id');
    this.at = id('at') || this.id;
  }
}
