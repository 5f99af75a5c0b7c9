// A list in which only the visible rows exist.

import { el } from './dom.js';
import { touch } from './media.js';

const overscan = 6;
const slowFrame = 1000 / 30; // ms between two paintings that take long
const quick = 12; // ms that a painting may take on average, with the browser's part of it, to be done at each frame of the screen
const averaged = 16; // paintings: a few take long by chance, and are no reason to show what comes two frames late
const tidyAfter = 250; // ms after the last painting

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
  #frame = 0; // 1: a painting is due
  #wait = 0; // timer of one that waits; 0: it is done in the next frame
  #painted = 0;
  #rowHeight = 24;
  #shift = 0;
  #count = 0; // as painted
  #frameTime = 0; // ms between two paintings
  #took = 0; // ms that a painting takes on average
  #anchor = null; // {index, top}: the row that was put in the middle, and where the list stood then
  #tidy = 0;
  #set = 0; // where the program scrolled to last
  #top = 0; // where the list stands: to ask the browser costs a layout

  /** Called after each painting with the first and the last visible row. */
  onpaint = (_first, _last) => {};
  /** Called when the user scrolls. */
  onscroll = () => {};
  /** While true, the end stays visible. */
  follow = false;

  /** @param {HTMLElement} viewport @param {Source} source @param {Record<string, string>} canvas  attributes of the element that holds the rows */
  constructor(viewport, source, canvas = { role: 'presentation' }) {
    this.viewport = viewport;
    this.#source = source;
    this.#canvas = el('div.canvas', canvas);
    viewport.append(this.#canvas);
    viewport.addEventListener('scroll', () => {
      if (viewport.clientHeight !== this.#height) this.#measure();
      this.#top = viewport.scrollTop;
      const moved = Math.abs(this.#top - this.#set) >= 1; // by someone else than the program, which paints what it scrolls to
      if (moved) this.onscroll();
      this.#paintSoon(moved ? 0 : this.#frameTime);
    }, { passive: true });
    new ResizeObserver(() => this.#measure()).observe(viewport);
    // Rows may become higher for a finger without any other size in the view.
    touch.addEventListener('change', () => this.#measure());
    this.#measure();
  }

  /** How many rows the view has room for. */
  get fits() { return Math.floor(this.#height / this.#rowHeight); }
  /** Reports whether the end of what is painted is visible; rows added since do not count. */
  get atEnd() { return this.viewport.scrollTop + this.viewport.clientHeight >= this.#count * this.#rowHeight - 2; }
  get firstVisible() { return Math.floor(this.#top / this.#rowHeight); }
  get lastVisible() { return Math.floor((this.#top + this.#height) / this.#rowHeight); }
  get middleVisible() { return Math.floor((this.#top + this.#height / 2) / this.#rowHeight); }
  /** The row that stands in the middle: the one that was put there as long as the list has not been moved. */
  get middle() { return this.#anchored ? this.#anchor.index : this.middleVisible; }
  get pageRows() { return Math.max(1, this.fits - 1); }

  /** Schedules a painting of rows that may have changed. */
  refresh() {
    this.#version++;
    this.extend();
  }

  /** Schedules a painting of rows that were added at the end: those that stand there stay as they are. */
  extend() {
    const blank = this.#count === 0 || this.#source.count() === 0; // what stands in the list's place goes or comes at once
    this.#paintSoon(blank ? 0 : this.#frameTime);
  }

  /** Accounts for rows added (above zero) or removed before the first one: the visible rows stay. */
  shift(rows) {
    this.#shift += rows;
    this.refresh();
  }

  get #anchored() { return this.#anchor != null && Math.abs(this.#anchor.top - this.#top) < 1; }

  /** Shows a row in the middle. */
  center(index) {
    this.#settle();
    this.#scroll((index + 0.5) * this.#rowHeight - this.#height / 2);
    this.#anchor = { index, top: this.viewport.scrollTop };
    this.#paintSoon(0);
  }

  /** Scrolls to a row; one that is far off is shown in the middle. */
  reveal(index) {
    this.#settle();
    const top = index * this.#rowHeight, now = this.viewport.scrollTop;
    if (top < now || top + this.#rowHeight > now + this.#height) {
      const near = Math.abs(top - now - this.#height / 2) < this.#height / 2 + 2 * this.#rowHeight;
      if (near) this.#scroll(top < now ? top : top + this.#rowHeight - this.#height);
      else this.center(index);
    }
    this.#paintSoon(0);
  }

  toStart() {
    this.#settle();
    this.#scroll(0);
    this.#anchor = { index: this.middleVisible, top: 0 };
    this.#paintSoon(0);
  }

  toEnd() {
    this.#settle();
    this.#anchor = null;
    this.#scroll(this.#source.count() * this.#rowHeight);
    this.#paintSoon(0);
  }

  #scroll(top) {
    this.viewport.scrollTop = top;
    this.#set = this.#top = this.viewport.scrollTop;
  }

  #measure() {
    // A view that becomes larger near the end is scrolled by the browser.
    const most = this.viewport.scrollHeight - this.viewport.clientHeight;
    this.#top = this.viewport.scrollTop;
    if (this.#set > most) this.#set = most;
    if (this.#anchor) this.#anchor.top = Math.min(this.#anchor.top, most);
    const anchored = this.#anchored;
    this.#height = this.viewport.clientHeight;
    const first = this.firstVisible, rowHeight = parseFloat(getComputedStyle(this.viewport).getPropertyValue('--row')) || 24;
    if (rowHeight !== this.#rowHeight) { // a screen that is touched has higher rows
      this.#rowHeight = rowHeight;
      for (const slot of this.#pool) slot.index = -1; // none stands where it did
      this.#size();
      this.#scroll(first * rowHeight);
    }
    const rows = Math.ceil(this.#height / this.#rowHeight) + 2 * overscan + 1;
    if (rows > this.#pool.length) {
      for (const slot of this.#pool) slot.index = -1; // each may get another row; until then it shows the one that it has
      while (this.#pool.length < rows) {
        const node = this.#source.create();
        node.hidden = true;
        this.#canvas.append(node);
        this.#pool.push({ node, index: -1, version: -1 });
      }
    }
    if (anchored) this.center(this.#anchor.index);
    this.refresh();
  }

  #paintSoon(wait) {
    const due = wait - (performance.now() - this.#painted);
    if (this.#frame && (!this.#wait || due > 4)) return;
    clearTimeout(this.#wait); // one that may wait does not hold up one that may not
    this.#frame = 1;
    const paint = () => {
      this.#wait = 0;
      requestAnimationFrame(() => { this.#frame = 0; this.#paint(); });
    };
    if (due > 4) this.#wait = setTimeout(paint, due);
    else paint();
  }

  #size() {
    this.#count = this.#source.count();
    const height = this.#count * this.#rowHeight + 'px';
    if (this.#canvas.style.height !== height) this.#canvas.style.height = height;
    if (this.#top > 0 && this.#top + this.#height > this.#count * this.#rowHeight) this.#top = this.viewport.scrollTop; // the browser moves what ends before
  }

  /** Gives the canvas its height and accounts for the rows added before the first one: until then a place in the list is not to be reached. */
  #settle() {
    this.#size();
    if (!this.#shift) return;
    const anchored = this.#anchored, rows = this.#shift;
    this.#shift = 0;
    this.#scroll(this.viewport.scrollTop + rows * this.#rowHeight);
    if (this.#anchor) this.#anchor = anchored ? { index: this.#anchor.index + rows, top: this.viewport.scrollTop } : null;
  }

  #paint() {
    const began = this.#painted = performance.now();
    this.#settle();
    const count = this.#count;
    if (this.follow) this.#scroll(count * this.#rowHeight);
    const top = this.#top;
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
    setTimeout(() => { // after the frame
      this.#took += (performance.now() - began - this.#took) / averaged;
      this.#frameTime = this.#took < quick ? 0 : slowFrame;
    }, 0);
    clearTimeout(this.#tidy);
    this.#tidy = setTimeout(() => this.#order(), tidyAfter);
  }

  /** Brings the rows into the order in which they are read out. */
  #order() {
    const shown = this.#pool.filter((slot) => slot.index >= 0).sort((a, b) => a.index - b.index).map((slot) => slot.node);
    if (shown.every((node, i) => node === this.#canvas.children[i])) return;
    const selection = getSelection();
    if (!selection.isCollapsed && this.#canvas.contains(selection.anchorNode)) return; // moving its nodes would end it
    this.#canvas.prepend(...shown);
  }
}
