// The detail panel: all of the selected message.

import { el, text } from './dom.js';
import { get } from './api.js';
import { Emitter } from './emitter.js';
import { clean, cleanLines, cleanTopic } from './clean.js';
import { barClass } from './bar.js';
import { bytes, count, date, delta, latency, parseTime, time } from './format.js';
import { tabList } from './tabs.js';
import { changes } from './changes.js';
import { hexdump } from './hexview.js';
import { hex, meantAsJSON, payloadBytes, payloadJSON, payloadSize, payloadText } from './payload.js';

const shownBytes = 4096; // in hex, until all are asked for
const shownLines = 2000, shownCharacters = 64 << 10; // else, until all are asked for
const tabs = [['json', 'JSON'], ['raw', 'raw'], ['hex', 'hex'], ['delta', 'changes']];

/** Emits "close", "only" (a sender), "copy" (id), "edit" ({topic, payload}). */
export class Detail extends Emitter {
  #message = null;
  #tab = 'json';
  #all = false;
  #text = null; // the payload as JSON or raw, of which only the beginning may be shown
  #previous = new Map(); // by id: the sender's previous message, or null

  /** @param {HTMLElement} root */
  constructor(root) {
    super();
    this.root = root;
    this.title = el('h2');
    this.facts = el('dl');
    this.body = el('pre', { id: 'payload', tabindex: 0, role: 'tabpanel' });
    this.tabs = tabList('payload as', tabs.map(([name, label]) =>
      ({ name, label, title: { delta: "what changed since the sender's previous message" }[name], panel: this.body })), (name) => this.show(name));
    this.problem = el('p.problem', { hidden: true });
    this.more = el('button.quiet', { type: 'button', hidden: true, onclick: () => { this.#all = true; this.#showPayload(); } });
    this.only = el('button', { type: 'button', onclick: () => this.emit('only', this.#message.sender) });
    this.copied = el('span.hint', { role: 'status' });
    root.append(
      el('header', {}, this.title, el('button.quiet', { type: 'button', 'aria-label': 'close', title: 'close (Esc)', onclick: () => this.emit('close') }, '×')),
      this.facts, this.tabs.node, this.problem, this.body, this.more,
      el('footer', {}, this.only, el('button', { type: 'button', title: 'copy the address of this view', onclick: () => this.emit('copy', this.#message.id) }, 'copy link'),
        el('button', { type: 'button', title: 'copy the payload, exactly as it came; bytes that are not text in hex', onclick: () => this.copy(payloadText(this.#message) ?? Array.from(payloadBytes(this.#message), hex).join('')) }, 'copy payload'),
        el('button', { type: 'button', title: 'copy the payload as it is shown', onclick: () => this.copy(this.#text ?? this.body.textContent) }, 'copy'),
        this.resend = el('button', { type: 'button', title: 'put topic and payload into the send line', onclick: () => this.emit('edit', { topic: this.#message.topic, payload: payloadText(this.#message) }) }, 'edit and send'), this.copied));
  }

  get open() { return !this.root.hidden; }

  /** Shows a message; null closes. */
  set(message) {
    this.root.hidden = message == null;
    document.body.classList.toggle('with-detail', message != null);
    if (!message || message === this.#message) return;
    this.#message = message;
    this.#all = false;
    this.#showFacts();
    this.#showPayload();
  }

  /** Shows the payload as "json", "raw", "hex" or "delta". */
  show(tab) {
    this.#tab = tab;
    this.#showPayload();
  }

  /** Copies value to the clipboard and shows whether that worked. */
  async copy(value) {
    try {
      await navigator.clipboard.writeText(value);
      this.#showStatus('copied');
    } catch {
      this.#showStatus('the browser did not allow it');
    }
  }

  #showStatus(words) {
    text(this.copied, words);
    setTimeout(() => text(this.copied, ''), 2000);
  }

  #showFacts() {
    const m = this.#message, at = parseTime(m.received);
    text(this.title, '#' + count(m.id));
    const sender = el('dd', {}, el('i', { class: barClass(m.sender, m.color) }), el('bdi', {}, cleanTopic(m.sender)));
    const rows = [
      ['sender', sender], ['topic', cleanTopic(m.topic)], ['received', `${date(at)} ${time(at)}`],
      ['Δ', delta(m.delta_ms)], ['Δ any', delta(m.delta_any_ms)], ['latency', latency(m.latency_ms)],
      ['seq', m.seq && count(m.seq)], ['boot', m.boot], ['QoS', String(m.qos) + (m.retained ? '  ▣ retained' : '')],
      ['missed', m.missed && `⋯ ${count(m.missed)} just before`], ['order', m.reordered && '↶ reordered: older than one already seen'],
      ['size', bytes(payloadSize(m))],
    ];
    this.facts.replaceChildren(...rows.filter(([, v]) => v).flatMap(([k, v]) => [el('dt', {}, k), typeof v === 'string' ? el('dd', {}, el('bdi', {}, v)) : v]));
    this.resend.disabled = payloadText(m) == null || m.topic.startsWith('hellox/');
    text(this.only, `${cleanTopic(m.sender)} only`);
  }

  #showPayload() {
    const m = this.#message;
    const json = payloadJSON(m), words = payloadText(m);
    let tab = this.#tab;
    if (tab === 'json' && json.problem) tab = 'raw';
    if (tab === 'raw' && words == null) tab = 'hex';
    this.tabs.show(tab, (name) => !(name === 'json' && json.problem != null) && !(name === 'raw' && words == null));
    this.problem.hidden = !json.problem || tab === 'delta' || !meantAsJSON(m);
    text(this.problem, this.problem.hidden ? '' : 'not JSON: ' + json.problem);
    this.body.className = tab;
    this.more.hidden = true;
    this.#text = null;
    if (tab === 'delta') {
      this.#showChanges(m);
    } else if (words === '') {
      this.#text = '';
      text(this.body, '(empty)');
    } else if (tab === 'hex') {
      const all = payloadBytes(m);
      text(this.body, hexdump(this.#all ? all : all.subarray(0, shownBytes)));
      this.more.hidden = this.#all || all.length <= shownBytes;
      text(this.more, `the first ${bytes(shownBytes)}; show all ${bytes(all.length)}`);
    } else {
      this.#text = tab === 'json' ? json.text : cleanLines(words);
      const shown = this.#all ? this.#text : beginning(this.#text);
      text(this.body, shown);
      this.more.hidden = shown.length === this.#text.length;
      text(this.more, 'this is the beginning; show all of it');
    }
  }

  async #showChanges(m) {
    if (!this.#previous.has(m.id)) {
      text(this.body, '…');
      try {
        const { messages } = await get('/api/messages', { sender: m.sender, before: m.id, limit: 1 });
        if (this.#previous.size > 200) this.#previous.clear();
        this.#previous.set(m.id, messages[0] ?? null);
      } catch (error) {
        if (this.#message === m) text(this.body, clean(error.message));
        return;
      }
      if (this.#message !== m || this.#tab !== 'delta') return;
    }
    const before = this.#previous.get(m.id);
    if (!before) {
      text(this.body, 'no earlier message of this sender is stored');
      return;
    }
    this.body.replaceChildren(`since #${count(before.id)}, ${delta(parseTime(m.received) - parseTime(before.received))} before\n\n`,
      ...changes(before, m).map((c) => el('div.change', { 'data-sign': c.sign }, `${c.sign} ${c.text}`)));
  }
}

/** As much of a text as a browser lays out at once without a person waiting. */
function beginning(s) {
  let end = Math.min(s.length, shownCharacters);
  for (let at = -1, lines = 0; (at = s.indexOf('\n', at + 1)) >= 0 && at < end;) if (++lines === shownLines) end = at;
  return s.slice(0, end);
}
