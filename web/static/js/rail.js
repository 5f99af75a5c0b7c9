// The scrollbar of the list. It stands for the whole history by its ids, however
// long it is: an element of so many rows would end at 33 million pixels.

import { attribute, el, text } from './dom.js';
import { Emitter } from './emitter.js';
import { count } from './format.js';

const shortest = 24; // px of the thumb

/** Emits "jump" (an id; 0: the newest). */
export class Rail extends Emitter {
  #first = 0;
  #last = 0;
  #shown = null; // {first, last}: ids
  #grabbed = null; // px from the thumb's top to the pointer
  #words = '';
  #height = 0; // px

  /** @param {HTMLElement} root */
  constructor(root) {
    super();
    this.root = root;
    this.thumb = el('div.thumb');
    this.label = el('div.label', { hidden: true });
    root.append(this.thumb, this.label);
    for (const [name, value] of [['role', 'scrollbar'], ['tabindex', -1], ['aria-orientation', 'vertical'], ['aria-label', 'position in the history'], ['aria-valuenow', 0]]) attribute(root, name, value);
    root.addEventListener('pointerdown', (e) => this.#down(e));
    root.addEventListener('pointermove', (e) => { if (this.#grabbed != null) this.#drag(e); });
    for (const end of ['pointerup', 'pointercancel']) root.addEventListener(end, () => { this.#grabbed = null; this.label.hidden = true; });
    root.addEventListener('keydown', (e) => this.#key(e));
    new ResizeObserver(([{ contentRect }]) => {
      this.#height = contentRect.height;
      this.#draw();
    }).observe(root);
  }

  /** Shows the range of ids of the whole history. words say of what. */
  setRange(first, last, words) {
    if (first === this.#first && last === this.#last && words === this.#words) return;
    this.#first = first;
    this.#last = last;
    this.#words = words;
    this.#draw();
  }

  /** Shows which ids the list shows; all: they are all that there are. */
  show(first, last, all) {
    this.#shown = all ? null : { first, last };
    this.#draw();
  }

  #draw() {
    const { root, thumb } = this, span = this.#last - this.#first + 1;
    const whole = !this.#shown || span < 2;
    root.classList.toggle('whole', whole);
    attribute(root, 'tabindex', whole ? -1 : 0);
    if (!this.#shown || this.#grabbed != null) return;
    const height = this.#height, { first, last } = this.#shown;
    const size = Math.min(height, Math.max(shortest, (height * (last - first + 1)) / span));
    const room = height - size, at = (first - this.#first) / Math.max(1, span - (last - first + 1));
    thumb.style.height = size + 'px';
    thumb.style.transform = `translateY(${Math.max(0, Math.min(room, room * at))}px)`;
    attribute(root, 'aria-valuemin', this.#first);
    attribute(root, 'aria-valuemax', this.#last);
    attribute(root, 'aria-valuenow', first);
    attribute(root, 'aria-valuetext', `#${count(first)} of #${count(this.#first)} to #${count(this.#last)}`);
    attribute(root, 'title', `${this.#words}: #${count(this.#first)} to #${count(this.#last)}`);
  }

  #down(e) {
    if (e.button !== 0) return;
    e.preventDefault();
    this.root.setPointerCapture(e.pointerId);
    const box = this.thumb.getBoundingClientRect();
    const inside = e.clientY >= box.top && e.clientY <= box.bottom;
    this.#grabbed = inside ? e.clientY - box.top : box.height / 2;
    if (!inside) this.#drag(e);
  }

  #drag(e) {
    const box = this.root.getBoundingClientRect(), size = this.thumb.offsetHeight;
    const room = box.height - size, top = Math.max(0, Math.min(room, e.clientY - box.top - this.#grabbed));
    this.thumb.style.transform = `translateY(${top}px)`;
    const id = top >= room ? 0 : Math.round(this.#first + (top / room) * (this.#last - this.#first));
    this.label.hidden = false;
    this.label.style.transform = `translateY(${Math.max(0, Math.min(box.height - 24, e.clientY - box.top - 12))}px)`;
    text(this.label, id ? `#${count(id)}` : 'newest');
    this.emit('jump', id);
  }

  #key(e) {
    const span = this.#last - this.#first, now = this.#shown?.first ?? this.#last;
    const step = { ArrowDown: 0.01, ArrowUp: -0.01, PageDown: 0.1, PageUp: -0.1 }[e.key];
    if (!step) return;
    e.preventDefault();
    e.stopPropagation();
    const id = Math.round(now + step * span);
    this.emit('jump', id >= this.#last ? 0 : Math.max(this.#first, id));
  }
}
