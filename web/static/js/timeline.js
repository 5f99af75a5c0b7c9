// The timeline: messages a second of what is selected, gaps marked; dragging scrolls
// the list there.

import { attribute, el, svg, text } from './dom.js';
import { get } from './api.js';
import { Emitter } from './emitter.js';
import { count, dayLength, dayShort, elapsed, parseTime, rate, timeOfDay, timeShort } from './format.js';

const height = 26;
const halfTick = 18; // px of the words of a tick on either side
const narrowest = 2; // px of a bar with space beside it: less is grey
const soon = 300; // ms until counting goes on
const scaleKey = 'hellox.scale';
// So that one burst does not flatten all else; a tenth of the height is one message.
const scales = { sqrt: (n, top) => Math.sqrt(n / top), log: (n, top) => 0.1 + (0.9 * Math.log(n)) / Math.max(1, Math.log(top)) };
const scaleNames = { sqrt: '√', log: 'log' };
const shortest = 60_000; // ms
const rounds = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 7200].map((m) => m * 60_000); // ms between two ticks
const spans = [['5 min', 300_000], ['1 h', 3_600_000], ['all', 0]]; // at most; a younger history is shown whole

/**
 * Emits "jump" (a time in ms), "newest", "span" (another span was chosen), "data" (what
 * was counted: {start, step, bins, from, now, intervals, selection}) and "more" (counting
 * should go on).
 */
export class Timeline extends Emitter {
  #data = null;
  #span = 1;
  #oldest = 0;
  #range = null;
  #cursor = null; // bin under the pointer or the keys
  #asked = 0;
  #scale = localStorage.getItem(scaleKey) === 'log' ? 'log' : 'sqrt';
  #timer = 0;

  /** @param {HTMLElement} root */
  constructor(root) {
    super();
    this.bars = svg('path', { class: 'bars' });
    this.gaps = svg('path', { class: 'gaps' });
    this.here = svg('rect', { class: 'here', y: 0, height });
    this.line = svg('path', { class: 'cursor' });
    this.chart = svg('svg', { class: 'time', preserveAspectRatio: 'none', tabindex: 0, role: 'slider', 'aria-label': 'the time that the list shows', 'aria-valuenow': 0 },
      this.here, this.bars, this.gaps, this.line);
    this.from = el('button.quiet', { type: 'button', title: 'how far back: 5 min, 1 h, all that is stored', onclick: () => this.#nextSpan() }, '1 h');
    this.label = el('span.readout');
    this.times = el('div.times', { 'aria-hidden': 'true' });
    this.uncounted = el('div.uncounted', { hidden: true, title: 'not counted yet' });
    this.scale = el('button.quiet', { type: 'button', onclick: () => this.#nextScale() });
    this.node = el('div.timeline', {}, this.from, el('div.chart', {}, this.chart, this.uncounted, this.times, this.label), this.scale, el('button.quiet', { type: 'button', title: 'follow the newest (G)', onclick: () => this.emit('newest') }, 'now'));
    root.append(this.node);
    this.#showScale();
    this.#listen();
    new ResizeObserver(() => { if (this.#data) this.#draw(); }).observe(this.node);
  }

  /** Reads the counts of a selection. oldest: when the history begins, in ms. */
  async load(oldest, now, selection) {
    this.#oldest = oldest || now;
    const span = spans[this.#span][1], whole = Math.min(this.#oldest, now - shortest);
    const since = new Date(span ? Math.max(whole, now - span) : whole).toISOString();
    const asked = ++this.#asked;
    clearTimeout(this.#timer);
    const data = await get('/api/timeline', { since, ...selection });
    if (asked !== this.#asked) return;
    const from = data.counted_from ? parseTime(data.counted_from) : null;
    this.#data = { start: parseTime(data.since), step: data.step_ms, bins: data.bins, from, now, intervals: data.intervals, selection };
    this.#draw();
    this.emit('data', this.#data);
    if (from != null) this.#timer = setTimeout(() => this.emit('more'), soon);
  }

  /** Shows which time the list shows, in ms. */
  showRange(from, to) {
    this.#range = { from, to };
    this.#drawRange();
  }

  #nextSpan() {
    this.#span = (this.#span + 1) % spans.length;
    text(this.from, spans[this.#span][0]);
    this.emit('span');
  }

  #nextScale() {
    this.#scale = this.#scale === 'sqrt' ? 'log' : 'sqrt';
    localStorage.setItem(scaleKey, this.#scale);
    this.#showScale();
    if (this.#data) this.#draw();
  }

  #showScale() {
    text(this.scale, scaleNames[this.#scale]);
    const words = this.#scale === 'sqrt' ? 'square root scale; press for a logarithmic one' : 'logarithmic scale; press for square root';
    attribute(this.scale, 'title', words);
    attribute(this.scale, 'aria-label', words);
  }

  #draw() {
    const { bins, from, start, step } = this.#data, scale = scales[this.#scale];
    attribute(this.chart, 'viewBox', `0 0 ${bins.length} ${height}`);
    const top = Math.max(...bins.map((b) => b.messages), 1);
    const space = this.chart.clientWidth > narrowest * bins.length ? 0.1 : 0; // on either side of a bar
    let bars = '', gaps = '';
    bins.forEach((b, i) => {
      if (b.messages > 0) {
        const h = Math.max(1, scale(b.messages, top) * (height - 5));
        bars += `M${i + space} ${height}v${-h}h${1 - 2 * space}v${h}z`;
      }
      if (b.missed) gaps += `M${i} 0h1v4h-1z`;
    });
    attribute(this.bars, 'd', bars);
    attribute(this.gaps, 'd', gaps);
    this.uncounted.hidden = from == null;
    this.uncounted.style.width = (100 * Math.max(0, Math.min(1, ((from ?? start) - start) / (step * bins.length)))) + '%';
    this.#showTimes();
    this.#drawRange();
    this.#showReadout();
  }

  /** Names round times below the bars, as many as there is room for. */
  #showTimes() {
    const { start, step, bins } = this.#data, length = step * bins.length;
    const every = rounds.find((r) => length / r <= Math.max(1, this.chart.clientWidth / 90)) ?? dayLength * Math.ceil(length / dayLength / 6);
    const zone = new Date(start).getTimezoneOffset() * 60_000;
    const ticks = [];
    for (let at = Math.ceil((start - zone) / every) * every + zone; at < start + length; at += every) {
      const x = (at - start) / length;
      if (Math.min(x, 1 - x) * this.chart.clientWidth > halfTick) ticks.push({ x, words: every >= dayLength ? dayShort(at) : timeShort(at) });
    }
    this.times.replaceChildren(...ticks.map(({ x, words }) => {
      const tick = el('span', {}, words);
      tick.style.left = 100 * x + '%';
      return tick;
    }));
  }

  #drawRange() {
    if (!this.#data || !this.#range) return;
    const { start, step, bins } = this.#data;
    const x = (ms) => Math.min(bins.length, Math.max(0, (ms - start) / step));
    const left = x(this.#range.from), right = x(this.#range.to);
    attribute(this.here, 'x', left.toFixed(2));
    attribute(this.here, 'width', Math.max(0.6, right - left).toFixed(2));
    attribute(this.chart, 'aria-valuetext', timeOfDay(this.#range.to));
    attribute(this.chart, 'aria-valuemin', 0);
    attribute(this.chart, 'aria-valuemax', bins.length);
    attribute(this.chart, 'aria-valuenow', Math.round(right));
  }

  #listen() {
    const bin = (e) => {
      const box = this.chart.getBoundingClientRect();
      const n = this.#data?.bins.length ?? 0;
      return Math.min(n - 1, Math.max(0, Math.floor(((e.clientX - box.left) / box.width) * n)));
    };
    let dragging = false;
    this.chart.addEventListener('pointerdown', (e) => {
      dragging = true;
      this.chart.setPointerCapture(e.pointerId);
      this.#jump(bin(e));
    });
    this.chart.addEventListener('pointermove', (e) => {
      if (!this.#data) return;
      const was = this.#cursor;
      this.#cursor = bin(e);
      this.#showReadout();
      if (dragging && was !== this.#cursor) this.#jump(this.#cursor);
    });
    const leave = () => { dragging = false; this.#cursor = null; this.#showReadout(); };
    this.chart.addEventListener('pointerup', () => { dragging = false; });
    this.chart.addEventListener('pointercancel', leave);
    this.chart.addEventListener('pointerleave', () => { if (!dragging) leave(); });
    this.chart.addEventListener('keydown', (e) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[e.key];
      if (!step || !this.#data) return;
      e.preventDefault();
      e.stopPropagation();
      const { bins, start, step: width } = this.#data;
      const now = this.#cursor ?? Math.floor(((this.#range?.to ?? start) - start) / width);
      this.#cursor = Math.min(bins.length - 1, Math.max(0, now + step));
      this.#showReadout();
      this.#jump(this.#cursor);
    });
    this.chart.addEventListener('blur', leave);
  }

  #jump(bin) {
    if (!this.#data) return;
    const { start, step, bins } = this.#data;
    if (bin >= bins.length - 1) this.emit('newest');
    else this.emit('jump', start + bin * step);
  }

  /** What stands under the cursor, in words; without a cursor, nothing. */
  #showReadout() {
    if (!this.#data) return;
    const { start, step, bins } = this.#data, i = this.#cursor;
    attribute(this.line, 'd', i == null ? '' : `M${i} 0h1v${height}h-1z`);
    if (i == null || !bins[i]) {
      text(this.label, '');
      return;
    }
    const b = bins[i], at = start + i * step;
    const when = bins.length * step > dayLength ? new Date(at).toLocaleString('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' }) : step < 60_000 ? timeOfDay(at) : timeShort(at);
    text(this.label, `${when}  ${rate(b.messages / (step / 1000))}  ${count(b.messages)} in ${elapsed(step)}${b.missed ? `  ⋯ ${count(b.missed)} missed` : ''}`);
    this.label.classList.toggle('left', i > bins.length / 2);
  }
}
