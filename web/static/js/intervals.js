// The intervals panel: a histogram, and whether the intervals are uniform.

import { attribute, el, svg, text } from './dom.js';
import { get } from './api.js';
import { cleanTopic } from './clean.js';
import { count } from './format.js';

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
    this.chart = svg('svg', { class: 'histogram', viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', role: 'img' }, this.bars);
    this.axis = el('div.axis', { 'aria-hidden': 'true' }, el('span'), el('span'));
    this.numbers = el('p.numbers');
    this.verdict = el('p.verdict');
    root.append(this.title, this.chart, this.axis, this.numbers, this.verdict);
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
    if (!n) {
      attribute(this.bars, 'd', '');
      text(this.numbers, 'none yet in the last hour');
      text(this.verdict, '');
      for (const s of this.axis.children) text(s, '');
      return;
    }
    const { counts, step_ms: step } = of;
    const first = counts.findIndex((c) => c > 0), last = counts.findLastIndex((c) => c > 0);
    const shown = counts.slice(first, last + 1), top = Math.max(...shown), bar = width / shown.length;
    attribute(this.bars, 'd', shown.map((c, i) => {
      const h = c ? Math.max(1, (c / top) * height) : 0;
      return `M${(i * bar + 0.5).toFixed(1)} ${height}v${-h.toFixed(1)}h${Math.max(0.5, bar - 1).toFixed(1)}v${h.toFixed(1)}z`;
    }).join(''));
    text(this.axis.children[0], (first * step) / 1000 + '\u202fs');
    text(this.axis.children[1], last === counts.length - 1 ? 'beyond' : ((last + 1) * step) / 1000 + '\u202fs');
    text(this.numbers, `min ${plainSeconds(of.min_ms)}  mean ${plainSeconds(of.mean_ms)}  max ${plainSeconds(of.max_ms)} s`);
    text(this.verdict, verdict(of.uniform_p, n));
    attribute(this.chart, 'aria-label', `histogram of ${n} intervals; ${this.numbers.textContent}; ${this.verdict.textContent}`);
  }
}

/** Describes the p-value of the test for uniformity. */
function verdict(p, n) {
  const of = `of ${count(n)}`;
  if (p == null) return `uniform: too few to say, ${of}`;
  return `uniform: ${p >= 0.01 ? 'yes' : 'no'} (p ${p < 0.001 ? '< 0.001' : p.toFixed(p < 0.1 ? 3 : 2)}, ${of})`;
}
