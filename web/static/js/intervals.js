// The intervals panel: a histogram, and how it compares with what the senders declare.

import { attribute, el, svg, text } from './dom.js';
import { get } from './api.js';
import { cleanTopic } from './clean.js';
import { bound, count, span } from './format.js';

const width = 240, height = 44;
const plainSeconds = (ms) => (ms / 1000).toFixed(ms < 9_995 ? 3 : 2);

/** Shows the intervals of all senders, or of the selected one. */
export class Intervals {
  #data = null;
  #sender = '';

  /** @param {HTMLElement} root */
  constructor(root) {
    this.title = el('h2', {}, 'intervals, all');
    this.bars = svg('path', { class: 'bars' });
    this.frame = svg('path', { class: 'frame' });
    this.chart = svg('svg', { class: 'histogram', viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', role: 'img' }, this.bars, this.frame);
    this.axis = el('div.axis', { 'aria-hidden': 'true' }, el('span'), el('span'));
    this.numbers = el('p.numbers');
    this.declared = el('p.declared');
    root.append(this.title, this.chart, this.axis, this.numbers, this.declared);
  }

  async load() {
    this.#data = await get('/api/stats/intervals');
    this.#draw();
  }

  /** Shows the intervals of one sender; '': of all together. */
  select(sender) {
    this.#sender = sender;
    this.#draw();
  }

  #draw() {
    text(this.title, this.#sender ? 'intervals, ' + cleanTopic(this.#sender) : 'intervals, all');
    if (!this.#data) return;
    const of = this.#sender ? this.#data.intervals.find((i) => i.sender === this.#sender) : this.#data.all;
    const n = of ? of.counts.reduce((a, b) => a + b, 0) : 0;
    if (!n && !of?.declared?.beyond) {
      attribute(this.bars, 'd', '');
      attribute(this.frame, 'd', '');
      text(this.numbers, 'none yet in the last hour');
      text(this.declared, '');
      for (const s of this.axis.children) text(s, '');
      return;
    }
    const { counts, from_ms: from, step_ms: step, declared } = of;
    const framed = declared?.max_ms > 0;
    // A frame is shown whole; without one only the bins that hold something.
    const inFrame = (i) => framed && from + (i + 1) * step > declared.min_ms && from + i * step < declared.max_ms;
    const drawn = (c, i) => c > 0 || inFrame(i);
    const first = Math.max(0, counts.findIndex(drawn)), last = Math.max(first, counts.findLastIndex(drawn));
    const shown = counts.slice(first, last + 1), bar = width / shown.length;
    const expected = framed ? ((declared.count - declared.beyond) * step) / (declared.max_ms - declared.min_ms) : 0;
    const top = Math.max(1, expected, ...shown);
    attribute(this.bars, 'd', shown.map((c, i) => {
      const h = c ? Math.max(1, (c / top) * height) : 0;
      return `M${(i * bar + 0.5).toFixed(1)} ${height}v${-h.toFixed(1)}h${Math.max(0.5, bar - 1).toFixed(1)}v${h.toFixed(1)}z`;
    }).join(''));
    const x = (ms) => Math.min(width, Math.max(0, ((ms - from) / step - first) * bar)).toFixed(1);
    attribute(this.frame, 'd', framed ? `M${x(declared.min_ms)} ${height}V${(height - (expected / top) * height).toFixed(1)}H${x(declared.max_ms)}V${height}` : '');
    text(this.axis.children[0], bound(from + first * step));
    text(this.axis.children[1], last === counts.length - 1 && !framed ? 'beyond' : bound(from + (last + 1) * step));
    text(this.numbers, `min ${plainSeconds(of.min_ms)}  mean ${plainSeconds(of.mean_ms)}  max ${plainSeconds(of.max_ms)} s`);
    text(this.declared, declaredText(declared));
    attribute(this.chart, 'aria-label', `histogram of ${n} intervals; ${this.numbers.textContent}; ${this.declared.textContent}`);
  }
}

/** Compares intervals with what is declared: numbers, no verdict. Empty without a declaration. */
function declaredText(declared) {
  if (!declared) return '';
  const { uniform_p: p, min_ms: min, max_ms: max, beyond } = declared;
  const tested = p == null ? count(declared.count) : `p ${p < 0.001 ? '< 0.001' : p.toFixed(p < 0.1 ? 3 : 2)}`;
  return `${tested} against ${max ? span(min, max) : 'their own'}, ${count(beyond)} beyond`;
}
