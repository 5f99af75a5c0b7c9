// The list of messages: time, sender, topic, text, Δ, Δ any, latency.

import { attribute, el, text } from './dom.js';
import { VirtualList } from './vlist.js';
import { cleanTopic, plainName, shorten } from './clean.js';
import { barClass, bars } from './bar.js';
import { count, delta, latency, parseTime, time } from './format.js';
import { summary } from './payload.js';
import { tiny, touch } from './media.js';
import { Columns } from './columns.js';
import { Emitter } from './emitter.js';

const roomy = 1500; // px of a list with room for longer names, as in list.css
/** How many characters of a name are shown. */
const lengths = { tiny: { sender: 8, topic: 24 }, usual: { sender: 20, topic: 24 }, roomy: { sender: 32, topic: 40 } };
const edge = 100; // rows from either end at which more are loaded

const slip = 8; // px that a pointer may move between down and up on the row that it chooses

/**
 * Emits "select" (id), "open", "follow" (boolean), "newest", "top", "bottom" and
 * "export" (ndjson or spreadsheet), "visible" ({first, middle, last}: rows), "only" ({sender or topic, not}: its name
 * was pressed) and "gap" (the message before which some are missing: the line between was pressed).
 */
export class List extends Emitter {
  #window;
  #senders;
  #rows;
  #selected = 0;
  #unseen = 0;
  #paused = false;
  #pressed = null; // {id or gap, x, y, only}: where a pointer went down, on which message or gap, and on whose name
  #lengths = lengths.usual;
  #firstID = 0; // messages below it are no longer stored

  /** @param {HTMLElement} root @param {import('./window.js').Window} window @param {import('./senders.js').Senders} senders */
  constructor(root, window, senders) {
    super();
    this.#window = window;
    this.#senders = senders;
    // What scrolls has the focus; its header stands above it.
    this.viewport = el('div.rows.grid', { tabindex: 0, role: 'grid', 'aria-label': 'messages', 'aria-readonly': 'true', 'aria-owns': 'list-columns list-rows' });
    this.empty = el('div.empty', { hidden: true });
    this.marker = el('button.marker', { type: 'button', hidden: true, onclick: () => this.emit('newest') });
    this.note = el('div.note', { hidden: true });
    this.rail = el('div.rail', {});
    const table = el('div.table', {}, new Columns(root, 'list-columns').header, el('div.frame', {}, this.viewport));
    this.state = el('span', { hidden: true }, 'following');
    const save = (format, words) => el('button.quiet', { type: 'button', title: `save what is selected as ${words}${format === 'ndjson' ? '' : ", with a ' before what a spreadsheet would take for a formula"}`, onclick: () => this.emit('export', format) }, words);
    root.append(this.note, el('div.view', {}, table, this.rail, this.empty),
      el('div.foot', {}, el('span.export', { role: 'group', 'aria-label': 'export' }, 'export', save('ndjson', 'NDJSON'), save('spreadsheet', 'CSV')), this.marker, this.state));
    this.#rows = new VirtualList(this.viewport, { count: () => window.rows.length, create: row, fill: (node, i) => this.#fill(node, i) }, { id: 'list-rows', role: 'rowgroup' });
    this.#rows.onpaint = (first, last) => this.#painted(first, last);
    this.#rows.onscroll = () => this.#scrolled();
    this.#rows.follow = true;
    // At a high rate the end moves faster than the wheel.
    this.viewport.addEventListener('wheel', (e) => { if (e.deltaY < 0 && this.following && this.viewport.scrollTop > 0) this.setFollow(false); }, { passive: true });
    // The list may move before the button is up: the row is the one under the pointer when it went down.
    this.viewport.addEventListener('pointerdown', (e) => this.#down(e));
    this.viewport.addEventListener('pointerup', (e) => this.#up(e));
    this.viewport.addEventListener('pointercancel', () => { this.#pressed = null; });
    window.on('changed', (change) => this.#changed(change));
    bars.on('changed', () => this.#rows.refresh());
    new ResizeObserver(([{ contentRect }]) => {
      this.#lengths = tiny.matches ? lengths.tiny : contentRect.width < roomy ? lengths.usual : lengths.roomy;
      this.#rows.refresh();
    }).observe(root);
  }

  get following() { return this.#rows.follow; }
  get paused() { return this.#paused; }
  get selected() { return this.#selected; }
  /** Whether all messages that there are stand in the view. */
  get showsAll() { return this.#window.before === 0 && !this.#window.detached && this.#window.rows.length <= this.#rows.fits; }
  get pageRows() { return this.#rows.pageRows; }

  /** Follows the newest message, or keeps the visible rows. */
  setFollow(follow, paused = false) {
    const changed = this.#rows.follow !== follow || this.#paused !== paused;
    this.#rows.follow = follow;
    this.#paused = paused;
    if (follow) {
      this.#unseen = 0;
      this.#rows.toEnd();
    }
    if (changed) this.emit('follow', follow);
    this.#showMarker();
  }

  /** Counts messages that arrived below what is visible; 0: it is not known how many. */
  addUnseen(n) {
    if (this.following) return;
    this.#unseen += n;
    this.#showMarker();
  }

  /** Selects a loaded message, or none (0). */
  select(id, show = true) {
    this.#selected = id;
    const index = id ? this.#window.rowOf(id) : -1;
    if (index >= 0 && show) this.#rows.reveal(index);
    attribute(this.viewport, 'aria-activedescendant', index >= 0 ? 'message-' + id : null);
    this.#rows.refresh();
  }

  /** Moves the selection by that many messages; without one, selects the newest visible. */
  move(by) {
    const rows = this.#window.rows;
    let index = this.#selected ? this.#window.rowOf(this.#selected) : -1;
    if (index < 0) {
      index = Math.min(rows.length - 1, this.#rows.lastVisible);
      by = 0;
    }
    const step = by < 0 ? -1 : 1;
    let target = index;
    for (let left = Math.abs(by), i = index + step; left > 0 && i >= 0 && i < rows.length; i += step) {
      if (rows[i].kind !== 'message') continue;
      target = i;
      left--;
    }
    while (target > 0 && rows[target]?.kind !== 'message') target--;
    const row = rows[target];
    if (!row) return;
    this.emit('select', row.id);
  }

  /** Shows a message in the middle, or the first one after it. */
  center(id) {
    let index = this.#window.rowOf(id);
    if (index < 0) index = this.#window.rows.findIndex((r) => r.id >= id && r.kind === 'message');
    this.#rows.center(index < 0 ? this.#window.rows.length - 1 : index);
  }

  /** Shows the first loaded row at the top. */
  scrollToStart() { this.#rows.toStart(); }

  /** Lets one more message in, while the list does not follow. */
  step() {
    if (this.following || this.#unseen === 0 || this.#window.detached) return;
    const { rows } = this.#window;
    let index = rows.length - 1;
    for (let left = this.#unseen; index > 0; index--) if (rows[index].kind === 'message' && --left === 0) break;
    this.#rows.reveal(index);
    this.#unseen--;
    this.#showMarker();
  }

  focus() { this.viewport.focus(); }

  /** Marks the rows of messages below an id as evicted. */
  setFirstID(id) {
    const { messages } = this.#window;
    const shown = messages.length > 0 && messages[0].id < id;
    if (shown && id !== this.#firstID) this.#rows.refresh();
    this.#firstID = id;
  }

  get noted() { return this.note.hidden ? '' : this.note.textContent; }

  /** Shows a note above the list; '' hides it. */
  showNote(words) {
    this.note.hidden = words === '';
    text(this.note, words);
  }

  /** Shows a note for a moment. */
  flash(words) {
    this.showNote(words);
    setTimeout(() => { if (this.noted === words) this.showNote(''); }, 2000);
  }

  #changed({ kind, rows }) {
    if (kind === 'prepend') this.#rows.shift(rows);
    else if (kind === 'trim') this.#rows.shift(-rows);
    else if (kind === 'append') this.#rows.extend();
    else this.#rows.refresh();
    attribute(this.viewport, 'aria-rowcount', this.#window.rows.length + 1); // and the header
  }

  #scrolled() {
    this.emit('scrolled');
    if (this.#rows.atEnd && !this.#window.detached && !this.#paused) {
      if (!this.following) this.setFollow(true);
    } else if (this.following && !this.#rows.atEnd) {
      this.setFollow(false);
    }
  }

  #painted(first, last) {
    if (first < edge) this.emit('top');
    if (last > this.#window.rows.length - edge && this.#window.detached) this.emit('bottom');
    const { rows } = this.#window, row = rows[Math.max(0, first)];
    if (row) this.emit('visible', { first: row, middle: rows[Math.min(this.#rows.middle, rows.length - 1)] ?? row, last: rows[Math.max(0, last)] ?? row });
  }

  #showMarker() {
    const n = this.#unseen;
    this.marker.hidden = this.following;
    this.state.hidden = !this.following;
    if (this.following) return;
    const words = [];
    if (this.#paused) words.push('paused');
    if (n > 0) words.push(`${count(n)} new`);
    if (!words.length) words.push('newest');
    text(this.marker, `▼ ${words.join(' · ')}${touch.matches ? '' : '  (G)'}`);
  }

  #down(e) {
    const { id: of = 0, gap = 0 } = e.target.closest('.row')?.dataset ?? {}, id = Number(of);
    this.#pressed = null;
    if (e.button !== 0) return;
    if (gap) this.#pressed = { gap: Number(gap), x: e.clientX, y: e.clientY };
    if (!id) return;
    const name = e.target.closest('bdi') && e.target.closest('.row:not(.line) > :is(.sender, .topic)');
    const message = name && this.#window.message(id);
    this.#pressed = { id, x: e.clientX, y: e.clientY, only: message && (name.matches('.sender') ? { sender: message.sender } : { topic: message.topic }) };
    if (e.pointerType === 'mouse') this.emit('select', id); // a finger may be about to scroll
  }

  #up(e) {
    const pressed = this.#pressed;
    this.#pressed = null;
    if (!pressed || Math.hypot(e.clientX - pressed.x, e.clientY - pressed.y) > slip) return;
    if (pressed.gap) {
      const message = this.#window.message(pressed.gap);
      if (message) this.emit('gap', message);
      return;
    }
    if (pressed.only) {
      this.emit('only', { ...pressed.only, not: e.shiftKey });
      return;
    }
    this.emit('select', pressed.id);
    this.emit('open');
  }

  #fill(node, index) {
    const row = this.#window.rows[index];
    attribute(node, 'aria-rowindex', index + 2);
    if (!row) return;
    if (row.kind === 'message') this.#fillMessage(node, row.message);
    else fillLine(node, row);
  }

  #fillMessage(node, m) {
    const selected = m.id === this.#selected, evicted = m.id < this.#firstID;
    attribute(node, 'class', 'row' + (selected ? ' selected' : '') + (evicted ? ' evicted' : ''));
    attribute(node, 'title', evicted ? 'evicted since: it is no longer stored' : null);
    node.id = 'message-' + m.id;
    node.dataset.id = m.id;
    delete node.dataset.gap;
    attribute(node, 'aria-selected', selected);
    const [at, from, on, content, own, any, travelled] = node.children;
    text(at, time(parseTime(m.received)));
    const [bar, bdi] = from.children;
    attribute(bar, 'class', barClass(m.sender, m.color ?? this.#senders.get(m.sender)?.color));
    text(bdi, shorten(plainName(m.sender), this.#lengths.sender));
    attribute(from, 'title', `${cleanTopic(m.sender)}: press to show it only, with shift to leave it out`);
    text(on.firstChild, shorten(plainName(m.topic), this.#lengths.topic));
    attribute(on, 'title', `${cleanTopic(m.topic)}: press to show it only, with shift to leave it out`);
    const [marks, words] = content.children;
    text(marks, (m.retained ? '▣ ' : '') + (m.reordered ? '↶ ' : ''));
    attribute(marks, 'title', [m.retained && 'retained', m.reordered && 'reordered'].filter(Boolean).join(', ') || null);
    text(words, summary(m));
    words.className = m.text != null ? '' : 'foreign';
    text(own, delta(m.delta_ms));
    text(any, delta(m.delta_any_ms));
    text(travelled, latency(m.latency_ms));
  }
}

function row() {
  const cell = (kind, ...children) => el('span' + kind, { role: 'gridcell' }, ...children);
  return el('div.row', { role: 'row' },
    cell('.time'), cell('.sender', el('i.bar'), el('bdi')), cell('.topic', el('bdi')), cell('.text', el('span.marks'), el('bdi')),
    cell('.number.delta'), cell('.number.any'), cell('.number.latency'));
}

/** Fills a line between messages: a gap in the sequence numbers, or the day. */
function fillLine(node, row) {
  node.className = 'row line ' + row.kind;
  node.id = '';
  delete node.dataset.id;
  delete node.dataset.gap;
  if (row.kind === 'gap') node.dataset.gap = row.id;
  attribute(node, 'title', row.kind === 'gap' ? `press to show ${cleanTopic(row.message.sender)} only, at this place` : null);
  attribute(node, 'aria-selected', null);
  const [at, from, on, content, ...numbers] = node.children;
  for (const cell of [at, on.firstChild, ...numbers]) text(cell, '');
  attribute(on, 'title', null);
  from.children[0].setAttribute('class', 'bar');
  text(from.children[1], '');
  attribute(from, 'title', null);
  text(content.children[0], row.kind === 'gap' ? '⋯ ' : '');
  attribute(content.children[0], 'title', null);
  content.children[1].className = '';
  text(content.children[1], row.kind === 'gap' ? `${cleanTopic(row.message.sender)}: ${row.message.missed} missed` : row.text);
}
