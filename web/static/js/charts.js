// The charts panel: messages a second and latencies over the time of the strip.

import { el, text } from './dom.js';
import { Emitter } from './emitter.js';
import { count, countShort, dayLength, dayShort, elapsed, latency, rate, timeOfDay, timeShort } from './format.js';
import { Plot, axis, ink, paths } from './plot.js';

/** Emits "jump" (a time in ms). */
export class Charts extends Emitter {
  #data = null; // as Timeline has it

  /** @param {HTMLElement} root */
  constructor(root) {
    super();
    this.root = root;
    const cursor = { y: false, drag: { x: false, y: false }, sync: { key: 'time' }, points: { size: 5 } };
    const x = axis((u, splits) => this.#times(splits), { space: 56 });
    const scales = { x: { time: true }, y: { range: (u, low, high) => [0, high > 0 ? high * 1.1 : 1] } };
    const options = { ms: 1, cursor, scales, show: (i) => this.#showValues(i) };
    this.rates = new Plot(root, 'messages a second', {
      ...options, axes: [x, axis((u, splits) => splits.map(countShort), { size: 56 })],
      series: [{}, { stroke: ink('--dim'), fill: ink('--line'), width: 1, paths: paths.stepped({ align: 1 }), points: { show: false } }],
      hooks: { draw: [(u) => this.#drawMissed(u)] },
    });
    const line = (color) => ({ stroke: ink(color), width: 1.5, points: { show: true, size: 3, fill: ink(color), filter: lone } });
    this.latencies = new Plot(root, 'latency', {
      ...options, axes: [x, axis((u, splits) => splits.map((v) => (v == null ? '' : latency(v).replace('.0', ''))), { size: 56 })],
      series: [{}, line('--off'), line('--accent')],
    });
    this.key = el('p.key', {}, el('span.p50', {}, 'p50'), el('span.p99', {}, 'p99'), el('span.of'));
    root.append(this.key);
    for (const plot of [this.rates, this.latencies]) plot.place.addEventListener('click', () => {
      if (this.#at != null) this.emit('jump', this.#at);
    });
  }

  #at = null; // ms under the cursor

  get shown() { return this.root.offsetParent != null; }

  /** Shows counts over time. @param {{start: number, step: number, bins: object[], from: number|null, now: number, name: string}} data, in ms */
  show(data) {
    this.#data = data;
    if (!this.shown) return;
    const { start, step, bins, from } = data;
    const times = bins.map((_, i) => start + i * step);
    const known = (i) => from == null || start + i * step >= from;
    const perSecond = bins.map((b, i) => (known(i) || b.messages ? this.#rate(i) : null));
    const of = (name) => bins.map((b) => b.latency_ms?.[name] ?? null);
    const total = bins.reduce((n, b) => n + b.messages, 0);
    this.rates.show([times, perSecond], `messages a second over ${elapsed(bins.length * step)}: ${count(total)} messages, at most ${rate(Math.max(0, ...perSecond))}`);
    this.latencies.show([times, of('p50'), of('p99')], `latency over ${elapsed(bins.length * step)}: p99 at most ${latency(Math.max(0, ...of('p99'))) || 'unknown'}`);
    text(this.key.lastChild, data.name);
    this.#showValues(this.#index);
  }

  #index = null;

  #showValues(index) {
    this.#index = index;
    this.#at = null;
    if (!this.#data) return;
    const { start, step, bins } = this.#data, b = bins[index];
    if (!b) {
      this.rates.say('');
      this.latencies.say('');
      return;
    }
    this.#at = start + index * step;
    const when = this.#times([this.#at], true)[0], of = b.latency_ms;
    this.rates.say(`${when}  ${rate(this.#rate(index) ?? 0)}${b.missed ? `  ⋯ ${count(b.missed)} missed` : ''}`);
    const sampled = of && of.count < b.messages ? `  of ${count(of.count)}` : '';
    this.latencies.say(of ? `p50 ${latency(of.p50)}  p99 ${latency(of.p99)}${sampled}` : `${when}  no latency`);
  }

  /** Messages a second in a bin; of the one that is not over yet, until now, and null if that just began. */
  #rate(i) {
    const { start, step, bins, now } = this.#data, over = Math.min(step, now - start - i * step);
    return i === bins.length - 1 && over < step / 3 ? null : (1000 * bins[i].messages) / over;
  }

  #times(splits, exact = false) {
    const { step, bins } = this.#data ?? { step: 0, bins: [] };
    const long = step * bins.length > dayLength;
    return splits.map((s) => {
      if (long && !exact) return dayShort(s);
      const day = long ? dayShort(s) + ' ' : '';
      return day + (step < 60_000 && (exact || step * bins.length < 300_000) ? timeOfDay(s) : timeShort(s));
    });
  }

  /** Marks at the top where messages are missing. */
  #drawMissed(u) {
    const { start, step, bins } = this.#data, { left, top } = u.bbox, right = left + u.bbox.width;
    u.ctx.save();
    u.ctx.fillStyle = ink('--bad')();
    bins.forEach((b, i) => {
      if (!b.missed) return;
      const from = Math.max(left, u.valToPos(start + i * step, 'x', true)), to = Math.min(right, u.valToPos(start + (i + 1) * step, 'x', true));
      u.ctx.fillRect(from, top, Math.max(2, to - from), 5 * devicePixelRatio);
    });
    u.ctx.restore();
  }
}

/** The values without neighbours, which no line shows. */
function lone(u, series) {
  const values = u.data[series];
  return values.flatMap((v, i) => (v != null && values[i - 1] == null && values[i + 1] == null ? [i] : []));
}
