// What the page shows, as its address says: it can be bookmarked, and the same
// address opens the same view.

import { Emitter } from './emitter.js';
import { splitTerms } from './filterterms.js';
import { expand } from './namedfilters.js';

const alternatives = (terms) => terms.some((t) => t.toLowerCase() === 'or');

/** Emits "changed" when another selection is to be opened. */
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

  /** Selects by another filter, or only one sender, from the newest on or around a message. @param {{filter?: string, sender?: string, at?: number, id?: number}} fields */
  open(fields) {
    this.set({ at: 0, ...fields }, true);
    this.emit('changed');
  }

  /** Shows one sender only, or all again. */
  choose(sender) { this.open({ sender: this.sender === sender ? '' : sender }); }

  /** Adds a term to the filter, or removes it if it is there. */
  toggleTerm(term) {
    const terms = splitTerms(this.filter), rest = terms.filter((t) => t !== term);
    const narrowed = () => [alternatives(terms) ? `(${this.filter})` : this.filter, term].filter(Boolean).join(' ');
    this.open({ filter: rest.length < terms.length ? rest.join(' ') : narrowed() });
  }

  /** Removes the term at a place. */
  removeTerm(at) { this.toggleTerm(splitTerms(this.filter)[at]); }

  /** Takes the last term from the filter, alternatives at once, or else the sender. */
  dropTerm() {
    const terms = splitTerms(this.filter);
    if (terms.length) this.open({ filter: alternatives(terms) ? '' : terms.slice(0, /^not$/i.test(terms.at(-2)) ? -2 : -1).join(' ') });
    else if (this.sender) this.choose(this.sender);
  }

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
