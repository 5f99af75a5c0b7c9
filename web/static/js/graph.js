// A number of the payloads of one sender, over time.

import { el, svg, text } from './dom.js';
import { get } from './api.js';
import { clean } from './clean.js';
import { count, parseTime, plural, timeOfDay } from './format.js';
import { numberAt, pathText } from './jsonpath.js';
import { payloadSize, payloadText } from './payload.js';

const mostMessages = 1000, fewestMessages = 20;
const mostBytes = 8 << 20; // that are read for a graph
const width = 320, height = 96; // of the drawing, which is stretched

/** The graph below a payload. */
export class Graph {
  #turn = 0;

  constructor() {
    this.words = el('p.hint', { role: 'status' });
    this.drawing = svg('svg', { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', role: 'img' });
    this.most = el('span.most');
    this.least = el('span.least');
    this.node = el('div.graph', { hidden: true }, this.words, el('div.plot', {}, this.most, this.drawing, this.least),
      el('button.quiet', { type: 'button', 'aria-label': 'close the graph', onclick: () => this.hide() }, '×'));
  }

  hide() {
    this.#turn++;
    this.node.hidden = true;
  }

  /** Draws the number at a path over the sender's messages, of which one is marked. @param {object} message @param {import('./jsonpath.js').Path|null} path */
  async show(message, path) {
    const turn = ++this.#turn;
    this.node.hidden = false;
    text(this.words, '…');
    this.drawing.replaceChildren();
    text(this.most, '');
    text(this.least, '');
    const limit = Math.max(fewestMessages, Math.min(mostMessages, Math.floor(mostBytes / (payloadSize(message) + 500))));
    try {
      const { messages } = await get('/api/messages', { sender: message.sender, limit });
      if (turn === this.#turn) this.#draw(messages, message, path);
    } catch (error) {
      if (turn === this.#turn) text(this.words, clean(error.message));
    }
  }

  #draw(messages, marked, path) {
    const points = messages.flatMap((m) => {
      const y = numberAt(payloadText(m) ?? '', path);
      return y == null ? [] : [{ id: m.id, x: parseTime(m.received), y }];
    });
    const name = pathText(path);
    if (points.length < 2) {
      text(this.words, `${name}: fewer than two numbers in the newest ${count(messages.length)} ${plural(messages.length, 'message')} of this sender`);
      return;
    }
    const first = points[0].x, last = points.at(-1).x;
    const least = Math.min(...points.map((p) => p.y)), most = Math.max(...points.map((p) => p.y));
    const at = (p) => [(last > first ? (p.x - first) / (last - first) : 0.5) * width, most > least ? 4 + (1 - (p.y - least) / (most - least)) * (height - 8) : height / 2];
    const line = points.map((p) => at(p).map((v) => v.toFixed(1)).join(',')).join(' ');
    this.drawing.append(svg('polyline', { points: line }));
    const here = points.find((p) => p.id === marked.id);
    if (here) this.drawing.append(svg('line', { x1: at(here)[0], x2: at(here)[0], y1: 0, y2: height, class: 'here' }));
    text(this.most, String(most));
    text(this.least, String(least));
    const words = `${name}: ${count(points.length)} numbers, ${timeOfDay(first)} to ${timeOfDay(last)}`;
    text(this.words, words);
    this.drawing.setAttribute('aria-label', `${words}, from ${least} to ${most}`);
  }
}
