// What the page shows, as its address says: it can be bookmarked, and the same
// address opens the same view.

import { Emitter } from './emitter.js';

/** Emits "changed" when the user goes back or forward. */
export class View extends Emitter {
  filter = '';
  sender = '';
  at = 0; // id of the first visible message when not following; 0: following
  id = 0; // selected

  #timer = 0;

  constructor() {
    super();
    this.#read();
    addEventListener('popstate', () => { this.#read(); this.emit('changed'); });
  }

  get selection() { return { filter: this.filter, sender: this.sender }; }

  /** Changes fields. push: as a step that "back" undoes. */
  set(fields, push = false) {
    Object.assign(this, fields);
    if (push) {
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
    const q = new URLSearchParams(location.search);
    const id = (name) => (/^\d{1,16}$/.test(q.get(name) ?? '') ? Number(q.get(name)) : 0);
    this.filter = q.get('filter') ?? '';
    this.sender = q.get('sender') ?? '';
    this.at = id('at');
    this.id = id('id');
  }
}
