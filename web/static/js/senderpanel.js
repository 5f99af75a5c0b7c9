// The senders panel: state, name, the newest intervals, time since the last message.

import { attribute, el, text } from './dom.js';
import { VirtualList } from './vlist.js';
import { clean, cleanTopic, shorten } from './clean.js';
import { barClass, colorOf } from './color.js';
import { sparkline } from './sparkline.js';
import { stateSentence, stateSign, stateWords } from './states.js';
import { Emitter } from './emitter.js';
import { count } from './format.js';

const bars = 9;
const nameLength = 15;
const maxChips = 24; // on a narrow page

/** Emits "choose" (a sender's name). */
export class SenderPanel extends Emitter {
  #senders;
  #clock;
  #list;
  #rows = []; // senders, each followed by its pod if that is known
  chosen = '';

  /** @param {HTMLElement} root @param {import('./senders.js').Senders} senders @param {import('./clock.js').Clock} clock */
  constructor(root, senders, clock) {
    super();
    this.#senders = senders;
    this.#clock = clock;
    this.viewport = el('div.rows', { tabindex: 0, role: 'listbox', 'aria-label': 'senders' });
    this.chips = el('div.chips', { role: 'group', 'aria-label': 'senders' });
    this.none = el('p.hint', {}, 'none yet');
    root.append(this.viewport, this.chips, this.none);
    this.#list = new VirtualList(this.viewport, { count: () => this.#rows.length, create: () => row(), fill: (node, i) => this.#fill(node, this.#rows[i]) });
    this.viewport.addEventListener('click', (e) => this.#clicked(e));
    this.viewport.addEventListener('keydown', (e) => this.#key(e));
    this.chips.addEventListener('click', (e) => this.#clicked(e));
    senders.on('changed', () => this.refresh());
    setInterval(() => this.tick(), 250);
  }

  refresh() {
    this.#rows = [];
    for (const s of this.#senders.list) {
      this.#rows.push({ sender: s });
      if (s.facts?.pod) this.#rows.push({ sender: s, pod: s.facts.pod });
    }
    this.none.hidden = this.#rows.length > 0;
    this.#list.refresh();
  }

  /** Updates the ages, which change without messages. */
  tick() {
    if (document.hidden) return;
    if (this.viewport.offsetParent) this.#list.refresh();
    if (this.chips.offsetParent) this.#showChips();
  }

  #fill(node, row) {
    if (!row) return;
    const s = this.#senders.shown(row.sender);
    node.dataset.sender = s.name;
    node.classList.toggle('pod', row.pod != null);
    node.classList.toggle('selected', s.name === this.chosen);
    attribute(node, 'aria-selected', s.name === this.chosen);
    if (row.pod != null) {
      text(node.parts.name, 'pod ' + clean(row.pod));
      attribute(node, 'title', 'pod ' + clean(row.pod));
      return;
    }
    show(node.parts, s, this.#clock.now());
    attribute(node, 'title', `${cleanTopic(s.name)}: ${stateSentence(s, this.#clock.now())}${s.facts?.missed ? `, ${count(s.facts.missed)} missed` : ''}`);
    const top = Math.max(10_000, ...s.spark);
    node.spark.show(s.spark.slice(-bars), s.spark.length ? top : 1);
  }

  #showChips() {
    const now = this.#clock.now();
    const weight = (s) => ['late', 'silent', 'lost'].includes(s.state) ? 0 : s.state === 'on time' ? 1 : 2;
    const some = this.#senders.list.map((s) => this.#senders.shown(s)).sort((a, b) => weight(a) - weight(b)).slice(0, maxChips);
    while (this.chips.children.length > some.length) this.chips.lastChild.remove();
    while (this.chips.children.length < some.length) this.chips.append(row('button.chip'));
    some.forEach((s, i) => {
      const node = this.chips.children[i];
      node.dataset.sender = s.name;
      show(node.parts, s, now);
      node.classList.toggle('selected', s.name === this.chosen);
    });
  }

  #clicked(e) {
    const node = e.target.closest('[data-sender]');
    if (node) this.emit('choose', node.dataset.sender);
  }

  #key(e) {
    const names = this.#senders.list.map((s) => s.name);
    const at = names.indexOf(this.chosen);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1 }[e.key];
    if (to == null || !names[to]) return;
    e.preventDefault();
    e.stopPropagation();
    this.emit('choose', names[to]);
    this.#list.reveal(this.#rows.findIndex((r) => r.sender.name === names[to]));
  }
}

/** Shows a sender's state, name and words in the parts of a row. */
function show(parts, s, now) {
  const { sign, kind } = stateSign(s.state);
  text(parts.sign, sign);
  attribute(parts.sign, 'class', 'sign ' + kind);
  attribute(parts.sign, 'aria-label', s.state);
  attribute(parts.bar, 'class', barClass(colorOf(s.name, s.color)));
  text(parts.name, shorten(cleanTopic(s.name), nameLength));
  text(parts.words, stateWords(s, now));
  attribute(parts.words, 'class', 'words ' + (s.state === 'on time' ? '' : kind));
}

function row(kind = 'div.row') {
  const parts = { sign: el('span.sign', { role: 'img' }), bar: el('i.bar'), name: el('bdi.name'), words: el('span.words') };
  const spark = sparkline(bars);
  const node = el(kind, kind === 'div.row' ? { role: 'option' } : { type: 'button' }, parts.sign, parts.bar, parts.name, spark.node, parts.words);
  node.spark = spark;
  node.parts = parts;
  return node;
}
