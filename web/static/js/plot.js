// A picture drawn by uPlot: its colours are the page's, its size that of its place.

import { el, text } from './dom.js';

const { uPlot } = globalThis; // lib/uplot.js

const style = () => getComputedStyle(document.documentElement);

/** A colour of the page by its name, for a canvas. */
export const ink = (name) => () => style().getPropertyValue(name).trim();

/** An axis with the page's colours. values: the words of its ticks. */
export const axis = (values, options = {}) => ({
  values, stroke: ink('--dim'), font: `11px ${style().getPropertyValue('--mono')}`, gap: 4, size: 20,
  grid: { stroke: ink('--line'), width: 1 }, ticks: { show: false }, ...options,
});

/** The paths that uPlot draws. */
export const paths = uPlot.paths;

/** A picture with its title and a line for the values under the cursor. */
export class Plot {
  #options;
  #plot = null;

  /**
   * @param {HTMLElement} root
   * @param {string} title
   * @param {object} options  of uPlot; beside: show(index), called when the cursor moves (null: it left)
   */
  constructor(root, title, options) {
    this.title = el('h2', {}, title);
    this.readout = el('output.readout', { 'aria-live': 'off' });
    this.place = el('div.place', { role: 'img', tabindex: 0, 'aria-label': title });
    root.append(el('div.heading', {}, this.title, this.readout), this.place);
    this.#options = { legend: { show: false }, ...options };
    new ResizeObserver(() => this.#resize()).observe(this.place);
    new MutationObserver(() => this.#plot?.redraw(false)).observe(document.documentElement, { attributeFilter: ['data-theme'] });
    this.place.addEventListener('keydown', (e) => this.#key(e));
    this.place.addEventListener('blur', () => this.#plot?.setCursor({ left: -10, top: -10 }));
  }

  /** The area over the plot, for marks that are elements. */
  get over() { return this.#plot?.over; }

  /** Shows data, in the order of uPlot; words: for a screen reader. */
  show(data, words) {
    this.place.ariaLabel = words;
    if (this.#plot) {
      this.#plot.setData(data);
      return;
    }
    if (!this.place.clientWidth) return; // not on the screen yet
    const { show, ...options } = this.#options;
    this.#plot = new uPlot({ ...this.#size(), ...options, hooks: { ...options.hooks, setCursor: [(u) => show(u.cursor.idx)] } }, data, this.place);
  }

  /** Where a value lies, in px from the left or the top of the plot. */
  position(value, scale) { return this.#plot.valToPos(value, scale); }

  say(words) { text(this.readout, words); }

  #size() { return { width: this.place.clientWidth, height: this.place.clientHeight }; }

  #resize() {
    const { width, height } = this.#size(), u = this.#plot;
    if (u && width && (width !== u.width || height !== u.height)) u.setSize({ width, height });
  }

  #key(e) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[e.key], u = this.#plot;
    if (!step || !u) return;
    e.preventDefault();
    e.stopPropagation();
    const last = u.data[0].length - 1, now = u.cursor.idx ?? last + 1;
    const index = Math.min(last, Math.max(0, now + step));
    u.setCursor({ left: u.valToPos(u.data[0][index], 'x'), top: 1 }, true, true);
  }
}
