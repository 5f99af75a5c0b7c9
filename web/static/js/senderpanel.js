// The senders panel: state, name, the newest intervals, time since the last message,
// and on a second line rate, losses and latency.

import { attribute, el, text } from './dom.js';
import { VirtualList } from './vlist.js';
import { Cursor } from './cursor.js';
import { clean, cleanTopic, plainName, shorten } from './clean.js';
import { barClass } from './bar.js';
import { sparkline } from './sparkline.js';
import { stateSentence, stateSign, stateWords } from './states.js';
import { Emitter } from './emitter.js';
import { count, latency, plural, rate } from './format.js';

const bars = 9;
const nameLength = 15;
const maxChips = 24; // on a narrow page
const sorts = [['trouble', 'trouble first'], ['name', 'by name'], ['rate', 'by rate'], ['missed', 'by missed'], ['latency', 'by latency']];
const figuresKey = 'hellox.figures';

/** Emits "choose" (a sender's name), "exclude" (likewise) and "list" (search or order have changed, or more is wanted: {more}). */
export class SenderPanel extends Emitter {
  #senders;
  #clock;
  #list;
  #cursor;
  #rows = []; // {sender}, each followed by {sender, figures} and {sender, pod}; {heading}
  #timer = 0;
  chosen = '';

  /** @param {HTMLElement} root @param {import('./senders.js').Senders} senders @param {import('./clock.js').Clock} clock */
  constructor(root, senders, clock) {
    super();
    this.#senders = senders;
    this.#clock = clock;
    this.search = el('input', { type: 'text', placeholder: 'find a sender', 'aria-label': 'find a sender', spellcheck: 'false', oninput: () => this.#ask() });
    this.order = el('select', { 'aria-label': 'order', onchange: () => this.#ask() }, ...sorts.map(([value, words]) => el('option', { value }, words)));
    this.figures = el('button.quiet', { type: 'button', title: 'show or hide rate, losses and latency of each sender', onclick: () => this.#toggleFigures() }, 'figures');
    this.viewport = el('div.rows', { tabindex: 0, role: 'listbox', 'aria-label': 'senders' });
    this.chips = el('div.chips', { role: 'group', 'aria-label': 'senders' });
    this.none = el('p.hint', {}, 'none yet');
    root.append(el('div.find', {}, this.search, this.order, this.figures), this.viewport, this.chips, this.none);
    this.search.addEventListener('keydown', (e) => e.stopPropagation());
    this.#list = new VirtualList(this.viewport, { count: () => this.#rows.length, create: () => row(), fill: (node, i) => this.#fill(node, i) });
    this.#list.onpaint = (_, last) => { if (last >= this.#rows.length - 1 && senders.found > senders.list.length) this.emit('list', { more: true }); };
    this.#cursor = new Cursor(this.viewport, 'sender-', {
      count: () => this.#rows.length, skip: (i) => !this.#rows[i].main, reveal: (i) => this.#list.reveal(i),
      refresh: () => this.#list.refresh(), enter: (i) => this.emit('choose', this.#rows[i].sender.name),
      key: (key, i) => key === 'm' && this.#rows[i]?.sender && (this.emit('exclude', this.#rows[i].sender.name), true),
    });
    this.viewport.addEventListener('click', (e) => this.#clicked(e));
    this.chips.addEventListener('click', (e) => this.#clicked(e));
    senders.on('changed', () => this.refresh());
    setInterval(() => this.#tick(), 250);
    this.#toggleFigures(localStorage.getItem(figuresKey) !== 'no');
  }

  #toggleFigures(show = this.figures.ariaPressed !== 'true') {
    attribute(this.figures, 'aria-pressed', show ? 'true' : 'false');
    localStorage.setItem(figuresKey, show ? 'yes' : 'no');
    this.refresh();
  }

  #ask() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#senders.search = this.search.value.trim();
      this.#senders.sort = this.order.value;
      this.emit('list', { more: false });
    }, 150);
  }

  refresh() {
    const { list, search } = this.#senders, figures = this.figures.ariaPressed === 'true';
    this.#rows = [];
    let apart = false;
    for (const s of list) {
      if (this.#senders.sort === 'trouble' && !apart && s.state === 'unknown') {
        apart = true;
        if (this.#rows.length) this.#rows.push({ heading: 'no cadence: one message, or retained' });
      }
      this.#rows.push({ sender: s, main: true });
      const pod = s.facts.pod;
      if (pod) this.#rows.push({ sender: s, pod: [pod.name === s.name ? '' : pod.name, pod.phase, pod.reason].filter(Boolean).join(' ') });
      if (figures && s.state !== 'unknown') this.#rows.push({ sender: s, figures: s.facts });
    }
    this.none.hidden = list.length > 0;
    text(this.none, search ? 'no sender has this in its name' : 'none yet');
    this.#list.refresh();
  }

  /** Updates the ages, which change without messages. */
  #tick() {
    if (document.hidden) return;
    if (this.viewport.offsetParent) this.#list.refresh();
    if (this.chips.offsetParent) this.#showChips();
  }

  #fill(node, index) {
    const row = this.#rows[index];
    if (!row) return;
    node.className = 'row' + (row.heading ? ' heading' : row.pod != null ? ' pod' : row.figures ? ' figures' : '');
    if (row.main) this.#cursor.mark(node, index);
    else node.id = '';
    attribute(node, 'role', row.main ? 'option' : 'presentation');
    attribute(node, 'aria-hidden', row.main ? null : 'true');
    if (row.heading) {
      delete node.dataset.sender;
      attribute(node, 'title', null);
      text(node.parts.name, row.heading);
      return;
    }
    const s = this.#senders.shown(row.sender);
    node.dataset.sender = s.name;
    node.classList.toggle('selected', s.name === this.chosen);
    if (row.main) attribute(node, 'aria-selected', s.name === this.chosen);
    if (!row.main) {
      const words = row.pod != null ? 'pod ' + clean(row.pod) : figuresOf(row.figures);
      text(node.parts.name, words);
      attribute(node, 'title', words);
      return;
    }
    show(node.parts, s, this.#clock.now());
    attribute(node, 'title', `${cleanTopic(s.name)}: ${stateSentence(s, this.#clock.now())}, ${figuresOf(s.facts)}`);
    const top = Math.max(10_000, ...s.spark);
    node.spark.show(s.spark.slice(-bars), s.spark.length ? top : 1);
  }

  #showChips() {
    const now = this.#clock.now(), some = this.#senders.list.slice(0, maxChips).map((s) => this.#senders.shown(s));
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
    if (node) this.emit(e.shiftKey ? 'exclude' : 'choose', node.dataset.sender);
  }
}

/** A sender's figures on one line. */
function figuresOf(facts) {
  const words = [rate(facts.rates['1m'])];
  words.push(`${count(facts.missed)} missed`);
  if (facts.duplicates) words.push(`${count(facts.duplicates)} ${plural(facts.duplicates, 'duplicate')}`);
  if (facts.latency_ms) words.push(`p50 ${latency(facts.latency_ms.p50)}, p99 ${latency(facts.latency_ms.p99)}`);
  return words.join('  ');
}

/** Shows a sender's state, name and words in the parts of a row. */
function show(parts, s, now) {
  const { sign, kind } = stateSign(s.state);
  text(parts.sign, sign);
  attribute(parts.sign, 'class', 'sign ' + kind);
  attribute(parts.sign, 'aria-label', s.state);
  attribute(parts.bar, 'class', barClass(s.name, s.color));
  text(parts.name, shorten(plainName(s.name), nameLength));
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
