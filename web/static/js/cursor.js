// A list that is used with the keys: one row is current, the focus stays on the list.

import { attribute } from './dom.js';

/**
 * @typedef {object} Rows  of a list
 * @property {() => number} count
 * @property {(index: number) => boolean} skip  whether the row is not for the keys
 * @property {(index: number) => void} reveal
 * @property {() => void} refresh  shows the rows anew
 * @property {(index: number) => void} enter
 * @property {(key: string, index: number) => boolean} [key]  another key; whether it was one
 */

/** Cursor moves the current row of a listbox or tree. */
export class Cursor {
  index = -1;

  #viewport;
  #rows;
  #prefix;

  /** @param {HTMLElement} viewport @param {string} prefix of the rows' ids @param {Rows} rows */
  constructor(viewport, prefix, rows) {
    this.#viewport = viewport;
    this.#prefix = prefix;
    this.#rows = rows;
    viewport.addEventListener('keydown', (e) => this.#pressed(e));
    viewport.addEventListener('focus', () => { if (this.index < 0) this.#to(this.#next(-1, 1)); });
  }

  /** Describes the row at index. */
  mark(node, index) {
    node.id = this.#prefix + index;
    node.classList.toggle('current', index === this.index);
    attribute(node, 'aria-setsize', this.#rows.count());
    attribute(node, 'aria-posinset', index + 1);
  }

  /** Makes a row the current one. */
  set(index) {
    this.index = index;
    attribute(this.#viewport, 'aria-activedescendant', index >= 0 ? this.#prefix + index : null);
    this.#rows.refresh();
  }

  #to(index) {
    if (index < 0) return;
    this.#rows.reveal(index);
    this.set(index);
  }

  /** The next row for the keys from one on, or that one. */
  #next(from, step) {
    for (let i = from + step; i >= 0 && i < this.#rows.count(); i += step) if (!this.#rows.skip(i)) return i;
    return from;
  }

  #pressed(e) {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const last = this.#rows.count();
    switch (e.key) {
      case 'ArrowDown': case 'j': this.#to(this.#next(this.index, 1)); break;
      case 'ArrowUp': case 'k': this.#to(this.#next(this.index, -1)); break;
      case 'PageDown': for (let i = 0; i < 10; i++) this.#to(this.#next(this.index, 1)); break;
      case 'PageUp': for (let i = 0; i < 10; i++) this.#to(this.#next(this.index, -1)); break;
      case 'Home': this.#to(this.#next(-1, 1)); break;
      case 'End': this.#to(this.#next(last, -1)); break;
      case 'Enter': case ' ': if (this.index >= 0 && this.index < last) this.#rows.enter(this.index); break;
      default: if (!this.#rows.key?.(e.key, this.index)) return;
    }
    e.preventDefault();
    e.stopPropagation();
  }
}
