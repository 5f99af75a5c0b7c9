// A list in which only the visible rows exist.

const overscan = 6;
const frame = 1000 / 30; // ms between two paintings

/**
 * @typedef {object} Source
 * @property {() => number} count
 * @property {() => HTMLElement} create  an empty row
 * @property {(row: HTMLElement, index: number) => void} fill  shows the row at index
 */

/** VirtualList shows rows of one height in a scrolling element. */
export class VirtualList {
  #source;
  #canvas;
  #pool = [];
  #version = 0;
  #height = 0;
  #frame = 0;
  #painted = 0;
  #rowHeight = 24;
  #shift = 0;
  #count = 0; // as painted

  /** Called after each painting with the first and the last visible row. */
  onpaint = (_first, _last) => {};
  /** Called when the list is scrolled. */
  onscroll = () => {};
  /** While true, the end stays visible. */
  follow = false;

  /** @param {HTMLElement} viewport @param {Source} source */
  constructor(viewport, source) {
    this.viewport = viewport;
    this.#source = source;
    this.#canvas = document.createElement('div');
    this.#canvas.className = 'canvas';
    this.#canvas.setAttribute('role', 'presentation');
    viewport.append(this.#canvas);
    viewport.addEventListener('scroll', () => { this.onscroll(); this.#paintSoon(0); }, { passive: true });
    new ResizeObserver(() => this.#measure()).observe(viewport);
    this.#measure();
  }

  get rowHeight() { return this.#rowHeight; }
  /** Reports whether the end of what is painted is visible; rows added since do not count. */
  get atEnd() { return this.viewport.scrollTop + this.viewport.clientHeight >= this.#count * this.#rowHeight - 2; }
  get firstVisible() { return Math.floor(this.viewport.scrollTop / this.#rowHeight); }
  get lastVisible() { return Math.floor((this.viewport.scrollTop + this.#height) / this.#rowHeight); }
  get pageRows() { return Math.max(1, Math.floor(this.#height / this.#rowHeight) - 1); }

  /** Schedules a painting of rows that may have changed. */
  refresh() {
    this.#version++;
    this.#paintSoon(frame);
  }

  /** Accounts for rows added (above zero) or removed before the first one: the visible rows stay. */
  shift(rows) {
    this.#shift += rows;
    this.refresh();
  }

  /** Scrolls to a row; one that is far off is shown in the middle. */
  reveal(index) {
    const top = index * this.#rowHeight, view = this.viewport;
    if (top < view.scrollTop || top + this.#rowHeight > view.scrollTop + this.#height) {
      const near = Math.abs(top - view.scrollTop - this.#height / 2) < this.#height / 2 + 2 * this.#rowHeight;
      this.#size();
      if (near) view.scrollTop = top < view.scrollTop ? top : top + this.#rowHeight - this.#height;
      else view.scrollTop = top - this.#height / 2;
    }
    this.#paintSoon(0);
  }

  toEnd() {
    this.#size();
    this.viewport.scrollTop = this.#source.count() * this.#rowHeight;
    this.#paintSoon(0);
  }

  #measure() {
    this.#height = this.viewport.clientHeight;
    this.#rowHeight = parseFloat(getComputedStyle(this.viewport).getPropertyValue('--row')) || 24;
    const rows = Math.ceil(this.#height / this.#rowHeight) + 2 * overscan + 1;
    if (rows > this.#pool.length) {
      this.#canvas.replaceChildren();
      this.#pool = Array.from({ length: rows }, () => {
        const node = this.#source.create();
        node.hidden = true;
        this.#canvas.append(node);
        return { node, index: -1, version: -1 };
      });
    }
    this.refresh();
  }

  #paintSoon(wait) {
    if (this.#frame) return;
    const due = wait - (performance.now() - this.#painted);
    this.#frame = 1;
    const paint = () => requestAnimationFrame(() => { this.#frame = 0; this.#paint(); });
    if (due > 4) setTimeout(paint, due);
    else paint();
  }

  #size() {
    this.#count = this.#source.count();
    const height = this.#source.count() * this.#rowHeight + 'px';
    if (this.#canvas.style.height !== height) this.#canvas.style.height = height;
  }

  #paint() {
    this.#painted = performance.now();
    const view = this.viewport;
    this.#size();
    const count = this.#count;
    if (this.#shift) {
      view.scrollTop += this.#shift * this.#rowHeight;
      this.#shift = 0;
    }
    if (this.follow) view.scrollTop = count * this.#rowHeight;
    const top = view.scrollTop;
    const first = Math.max(0, Math.floor(top / this.#rowHeight) - overscan);
    const end = Math.min(count, Math.ceil((top + this.#height) / this.#rowHeight) + overscan, first + this.#pool.length);
    for (let index = first; index < end; index++) {
      const slot = this.#pool[index % this.#pool.length];
      if (slot.index === index && slot.version === this.#version) continue;
      if (slot.index !== index) slot.node.style.transform = `translateY(${index * this.#rowHeight}px)`;
      slot.index = index;
      slot.version = this.#version;
      slot.node.hidden = false;
      this.#source.fill(slot.node, index);
    }
    for (const slot of this.#pool) {
      if (slot.index < first || slot.index >= end) {
        slot.index = -1;
        slot.node.hidden = true;
      }
    }
    this.onpaint(this.firstVisible, Math.min(count - 1, this.lastVisible));
  }
}
