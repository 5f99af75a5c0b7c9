// The senders panel: state, name, the newest intervals, time since the last message,
// and on a second line rate, losses and latency.

import { attribute, el, text } from './dom.js';
import { VirtualList } from './vlist.js';
import { Cursor } from './cursor.js';
import { clean, cleanTopic, plainName, shorten } from './clean.js';
import { barClass } from './bar.js';
import { sparkline } from './sparkline.js';
import { stateSentence, stateSign, stateWords, states } from './states.js';
import { Emitter } from './emitter.js';
import { count, latency, plural, rate } from './format.js';

const bars = 9;
const nameLength = 15;
const maxChips = 24; // on a narrow page
const sorts = [['trouble', 'trouble first'], ['name', 'by name'], ['rate', 'by rate'], ['missed', 'by missed'], ['latency', 'by latency'], ['group', 'in groups']];
const figuresKey = 'hellox.figures';

/**
 * Emits "choose" (a sender's name), "exclude" (likewise), "excludeGroup" (a group's
 * prefix) and "list" (search, order or group have changed, or others are to be seen: the place
 * of the one in the middle).
 */
export class SenderPanel extends Emitter {
  #senders;
  #clock;
  #list;
  #cursor;
  #rows = []; // {place, part}: of the sender at a place; {group, part}; {heading}
  #timer = 0; // of the search
  #loading = 0; // timer of what is to be seen
  #place = 0; // of the first sender that is to be seen
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
    this.group = el('button.chip', { type: 'button', title: 'show all groups again', onclick: () => this.#openGroup(null) });
    this.only = el('div.only', { hidden: true }, this.group);
    this.pods = el('p.hint.pods', { title: 'hellox up, while it holds the forwards, tells which pod is behind a sender, its phase, and why it ended last' }, 'pods: not reported');
    root.append(el('div.find', {}, this.search, this.order, this.figures, this.only), this.viewport, this.chips, this.none, this.pods);
    this.search.addEventListener('keydown', (e) => e.stopPropagation());
    this.#list = new VirtualList(this.viewport, { count: () => this.#rows.length, create: () => row(), fill: (node, i) => this.#fill(node, i) });
    this.#list.onpaint = (first, last) => this.#wanted(first, last);
    this.#cursor = new Cursor(this.viewport, 'sender-', {
      count: () => this.#rows.length, skip: (i) => this.#rows[i].part !== 'main', reveal: (i) => this.#list.reveal(i),
      refresh: () => this.#list.refresh(), enter: (i) => this.#enter(this.#rows[i], 'choose'), key: (key, i) => this.#key(key, this.#rows[i]),
    });
    this.viewport.addEventListener('click', (e) => this.#clicked(e));
    this.chips.addEventListener('click', (e) => this.#clicked(e));
    senders.on('changed', () => this.refresh());
    setInterval(() => this.#tick(), 250); // what each message changes is shown then, too
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
      this.#senders.group = null;
      this.emit('list', 0);
    }, 150);
  }

  /** Lists the senders in the next order that there is. */
  nextOrder() {
    this.order.selectedIndex = (this.order.selectedIndex + 1) % sorts.length;
    this.#ask();
  }

  /** Lists one group alone; null: the groups. */
  #openGroup(prefix) {
    this.#senders.group = prefix;
    this.#cursor.set(-1);
    this.emit('list', 0);
    this.viewport.focus();
  }

  /** Asks for the senders that are to be seen, a moment later: the list may still move. */
  #wanted(first, last) {
    const places = [this.#rows[first], this.#rows[last]].map((row) => row?.place).filter((place) => place != null);
    if (places.every((place) => this.#senders.at(place))) return;
    this.#place = places[0];
    this.#loading ||= setTimeout(() => {
      this.#loading = 0;
      this.emit('list', this.#place);
    }, 80);
  }

  refresh() {
    const senders = this.#senders, { search, group } = senders, found = senders.found, withCadence = senders.withCadence, figures = this.figures.ariaPressed === 'true';
    this.#rows = [];
    for (const one of senders.groups ?? []) this.#rows.push({ group: one, part: 'main' }, { group: one, part: 'figures' });
    for (let place = 0; place < found; place++) {
      const facts = this.#senders.at(place)?.facts;
      if (place === withCadence) this.#rows.push({ heading: `no cadence: one message, or retained (${count(found - withCadence)})` });
      this.#rows.push({ place, part: 'main' });
      if (facts?.pod && troubled(facts.pod)) this.#rows.push({ place, part: 'pod' });
      if (figures && place < withCadence) this.#rows.push({ place, part: 'figures' });
    }
    this.none.hidden = this.#rows.length > 0;
    text(this.none, search ? 'no sender has this in its name' : 'none yet');
    this.only.hidden = group == null;
    text(this.group, `${clean(groupName(group ?? ''))} ×`);
    this.pods.hidden = senders.podsTold || !this.#rows.length;
    this.#list.refresh();
  }

  /** Updates what messages change, and the ages, which change without. */
  #tick() {
    if (document.hidden) return;
    if (this.viewport.offsetParent) this.#list.refresh();
    if (this.chips.offsetParent) this.#showChips();
  }

  #fill(node, index) {
    const row = this.#rows[index];
    if (!row) return;
    const kind = row.heading ? 'heading' : row.part === 'main' ? '' : row.part;
    node.className = kind ? 'row ' + kind : 'row';
    if (row.part === 'main') this.#cursor.mark(node, index);
    else node.id = '';
    attribute(node, 'role', row.part === 'main' ? 'option' : 'presentation');
    attribute(node, 'aria-hidden', row.part === 'main' ? null : 'true');
    attribute(node, 'aria-selected', row.part === 'main' ? 'false' : null);
    attribute(node, 'title', null);
    node.dataset.index = index;
    delete node.dataset.sender;
    if (row.heading) text(node.parts.name, row.heading);
    else if (row.group) this.#fillGroup(node, row);
    else this.#fillSender(node, row);
  }

  #fillSender(node, { place, part }) {
    const one = this.#senders.at(place);
    node.classList.toggle('loading', !one);
    if (!one) {
      for (const name of ['name', 'words', 'sign']) text(node.parts[name], '');
      attribute(node.parts.bar, 'class', 'bar');
      node.spark.show([], 1);
      return;
    }
    const s = this.#senders.shown(one);
    node.dataset.sender = s.name;
    node.classList.toggle('selected', s.name === this.chosen);
    if (part !== 'main') {
      const words = part === 'pod' ? 'pod ' + clean(podOf(s)) : figuresOf(s.facts);
      text(node.parts.name, words);
      attribute(node, 'title', words);
      return;
    }
    attribute(node, 'aria-selected', s.name === this.chosen);
    show(node.parts, s, this.#clock.now());
    attribute(node, 'title', `${cleanTopic(s.name)}: ${stateSentence(s, this.#clock.now())}, ${figuresOf(s.facts)}${s.facts.pod ? ', pod ' + clean(podOf(s)) : ''}`);
    node.spark.show(s.spark.slice(-bars), s.spark.length ? Math.max(10_000, ...s.spark) : 1);
  }

  #fillGroup(node, { group, part }) {
    node.classList.add('group');
    const counts = states.filter((state) => group.states[state]).map((state) => [state, group.states[state]]);
    const words = [rate(group.rate_1m), `${count(group.missed)} missed`, group.duplicates ? `${count(group.duplicates)} ${plural(group.duplicates, 'duplicate')}` : '',
      ...counts.map(([state, n]) => `${stateSign(state).sign} ${count(n)}`)].filter(Boolean).join('  ');
    if (part === 'figures') {
      text(node.parts.name, words);
      return;
    }
    const { sign, kind } = stateSign(group.worst);
    text(node.parts.sign, sign);
    attribute(node.parts.sign, 'class', 'sign ' + kind);
    attribute(node.parts.sign, 'aria-label', group.worst);
    attribute(node.parts.bar, 'class', 'bar none');
    text(node.parts.name, shorten(groupName(group.prefix), nameLength));
    text(node.parts.words, `${count(group.senders)} ${plural(group.senders, 'sender')}`);
    attribute(node.parts.words, 'class', 'words');
    node.spark.show([], 1);
    attribute(node, 'title', `${cleanTopic(groupName(group.prefix))}: ${words}`);
  }

  #enter(row, what) {
    if (row.group && what === 'choose') this.#openGroup(row.group.prefix);
    else if (row.group) {
      if (row.group.prefix) this.emit('excludeGroup', row.group.prefix);
    } else if (this.#senders.at(row.place)) this.emit(what, this.#senders.at(row.place).name);
  }

  #key(key, row) {
    if ((key === 'm' || key === 'M') && row) this.#enter(row, 'exclude');
    else if (key === 'ArrowRight' && row?.group) this.#enter(row, 'choose');
    else if ((key === 'ArrowLeft' || key === 'Escape') && this.#senders.group != null) this.#openGroup(null);
    else return false;
    return true;
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
    const chip = e.target.closest('.chip[data-sender]'), what = e.shiftKey ? 'exclude' : 'choose';
    if (chip) this.emit(what, chip.dataset.sender);
    const row = this.#rows[e.target.closest('.row[data-index]')?.dataset.index ?? -1];
    if (row && !row.heading) this.#enter(row, what);
  }
}

const groupName = (prefix) => (prefix ? plainName(prefix) + '*' : 'others');

/** Whether a pod has a line of its own: it does not run, or it ended for a reason. */
const troubled = ({ phase, reason }) => phase !== 'Running' || Boolean(reason);

/** What is known of a sender's pod; its name only if it is another one. */
function podOf(s) {
  const { name, phase, reason } = s.facts.pod;
  return [name === s.name ? '' : name, phase, reason].filter(Boolean).join(' ');
}

/** A sender's figures on one line. */
function figuresOf(facts) {
  const words = [rate(facts.rates['1m'])];
  words.push(`${count(facts.missed)} missed`);
  if (facts.duplicates) words.push(`${count(facts.duplicates)} ${plural(facts.duplicates, 'duplicate')}`);
  if (facts.latency_ms) words.push(quantiles(latency(facts.latency_ms.p50), latency(facts.latency_ms.p99)));
  return words.join('  ');
}

/** Two latencies, with the unit once if it is the same. */
function quantiles(p50, p99) {
  const unit = /\u202f\S+$/, same = unit.exec(p50)?.[0] === unit.exec(p99)?.[0];
  return `p50 ${same ? p50.replace(unit, '') : p50}  p99 ${p99}`;
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
