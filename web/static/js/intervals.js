// The intervals panel: a histogram, and how it compares with what the senders declare.

import { el, text } from './dom.js';
import { bound, count, countShort, span } from './format.js';
import { Plot, axis, ink, paths } from './plot.js';

const plainSeconds = (ms) => (ms / 1000).toFixed(ms < 9_995 ? 3 : 2);

/** Shows the intervals of what is selected. */
export class Intervals {
  #data = null;
  #drawn = null; // {first, counts, from, step, declared, expected}

  /** @param {HTMLElement} root */
  constructor(root) {
    this.frame = el('div.frame', { hidden: true }, el('div.expected', { title: 'where every bar would end if all were uniform over what is declared' }));
    this.plot = new Plot(root, 'intervals, all', {
      scales: { x: { time: false, range: () => this.#drawn.reach }, y: { range: (u, low, high) => [0, Math.max(1, high, this.#drawn.expected) * 1.08] } },
      axes: [axis((u, splits) => splits.map(bound), { splits: () => this.#splits() }), axis((u, splits) => splits.map(countShort), { size: 36, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 1e4, 1e5, 1e6], space: 20 })],
      series: [{}, { fill: ink('--dim'), width: 0, paths: paths.bars({ size: [1, Infinity], align: 1, gap: 1 }), points: { show: false } }],
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false }, dataIdx: (u, series, closest) => this.#under(u, closest) },
      show: (i) => this.#showBin(i),
      hooks: { draw: [() => this.#place()] },
    });
    this.numbers = el('p.numbers');
    this.declared = el('p.declared', { title: 'how many intervals are shorter or longer than the senders declare; p is the probability that the others are at least this uneven if they are uniform over what is declared' });
    root.append(this.numbers, this.declared);
  }

  /** Shows a histogram. @param {object} intervals as the API has it @param {string} name of what is selected */
  show(intervals, name) {
    this.#data = intervals;
    text(this.plot.title, 'intervals, ' + name);
    this.#draw();
  }

  #draw() {
    const of = this.#data, n = of.counts.reduce((a, b) => a + b, 0);
    const { counts, from_ms: from, step_ms: step, declared } = of;
    const framed = declared?.max_ms > 0;
    if (!n && !declared?.beyond) {
      this.#drawn = { reach: [0, 1], expected: 0, counts: [], from: 0, step: 1 };
      this.frame.hidden = this.plot.place.hidden = true;
      this.plot.show([[], []], 'no intervals yet');
      text(this.numbers, 'none yet');
      text(this.declared, '');
      return;
    }
    this.plot.place.hidden = false;
    // A frame is shown whole; without one only the bins that hold something.
    const inFrame = (i) => framed && from + (i + 1) * step > declared.min_ms && from + i * step < declared.max_ms;
    const drawn = (c, i) => c > 0 || inFrame(i);
    const first = Math.max(0, counts.findIndex(drawn)), last = Math.max(first, counts.findLastIndex(drawn));
    const shown = counts.slice(first, last + 1), begin = from + first * step;
    const expected = framed ? ((declared.count - declared.beyond) * step) / (declared.max_ms - declared.min_ms) : 0;
    this.#drawn = { reach: [begin, begin + shown.length * step], expected, counts: shown, from: begin, step, declared, beyond: last === counts.length - 1 && !framed };
    text(this.numbers, `min ${plainSeconds(of.min_ms)}  mean ${plainSeconds(of.mean_ms)}  max ${plainSeconds(of.max_ms)} s`);
    text(this.declared, declaredText(declared));
    this.plot.show([shown.map((_, i) => begin + i * step), shown], `histogram of ${n} intervals; ${this.numbers.textContent}; ${this.declared.textContent}`);
    this.#place();
  }

  /** Both ends and what lies between in round steps. */
  #splits() {
    const { reach: [from, to], counts } = this.#drawn;
    if (!counts.length) return [];
    const wanted = (to - from) / 4, power = 10 ** Math.floor(Math.log10(wanted));
    const step = power * [1, 2, 5, 10].find((f) => f * power >= wanted);
    const between = [];
    for (let at = Math.ceil(from / step) * step; at < to - step / 2; at += step) if (at > from + step / 2) between.push(at);
    return [from, ...between, to];
  }

  /** Puts the frame of what is declared over the bars. */
  #place() {
    const { declared, expected } = this.#drawn ?? {}, over = this.plot.over;
    if (!over) return;
    if (this.frame.parentNode !== over) over.append(this.frame);
    this.frame.hidden = !(declared?.max_ms > 0);
    if (this.frame.hidden) return;
    const left = this.plot.position(declared.min_ms, 'x'), right = this.plot.position(declared.max_ms, 'x');
    this.frame.style.left = left + 'px';
    this.frame.style.width = right - left + 'px';
    this.frame.firstChild.style.top = this.plot.position(expected, 'y') + 'px';
  }

  /** The bar under the cursor, not the nearest edge. */
  #under(u, closest) {
    const { from, step, counts } = this.#drawn;
    const i = Math.floor((u.posToVal(u.cursor.left, 'x') - from) / step);
    return counts.length ? Math.min(counts.length - 1, Math.max(0, i)) : closest;
  }

  #showBin(i) {
    const { counts, from, step, expected, beyond } = this.#drawn ?? { counts: [] };
    if (counts[i] == null) {
      this.plot.say('');
      return;
    }
    const range = beyond && i === counts.length - 1 ? `${bound(from + i * step)} and longer` : span(from + i * step, from + (i + 1) * step);
    this.plot.say(`${range}: ${count(counts[i])}${expected ? `, expected ${+expected.toPrecision(2)}` : ''}`);
  }
}

/** Compares intervals with what is declared: numbers, no verdict. Empty without a declaration. */
function declaredText(declared) {
  if (!declared) return '';
  const { uniform_p: p, min_ms: min, max_ms: max, beyond } = declared;
  const uniform = p == null ? '' : `; uniform within: p ${p < 0.001 ? '< 0.001' : p.toFixed(p < 0.1 ? 3 : 2)}`;
  return `declared ${max ? span(min, max) : 'by each'}: ${count(beyond)} of ${count(declared.count)} outside${uniform}`;
}
