// The detail panel: all of the selected message.

import { attribute, el, text } from './dom.js';
import { get } from './api.js';
import { Emitter } from './emitter.js';
import { clean, cleanLines, cleanTopic } from './clean.js';
import { barClass, bars } from './bar.js';
import { bytes, count, date, delta, latency, parseTime, time } from './format.js';
import { tabList } from './tabs.js';
import { changes } from './changes.js';
import { Graph } from './graph.js';
import { hexdump } from './hexview.js';
import { exactPath, pathText, valueTerm } from './jsonpath.js';
import { linesOf } from './jsontext.js';
import { JSONTree } from './jsontree.js';
import { hex, mayBeEncoded, meantAsJSON, payloadBytes, payloadLines, payloadSize, payloadText } from './payload.js';

const shownBytes = 4096; // in hex, until all are asked for
const shownLines = 2000, shownCharacters = 64 << 10; // else, until all are asked for
const treeLines = 20_000; // of JSON that fold; the rest is text alone
const tabs = [['json', 'JSON'], ['decoded', 'decoded'], ['raw', 'raw'], ['hex', 'hex'], ['delta', 'changes']];

const widerKey = 'hellox.detail.wider', least = 344, step = 40; // px

const kinds = { 'Δ': 'short', 'Δ any': 'short', latency: 'short', seq: 'short', QoS: 'short', size: 'short', boot: 'boot' }; // classes of facts; of short ones two stand on a line

/** Emits "close", "only" (a sender), "copy" (id), "edit" ({topic, payload}), "term" (of a filter). */
export class Detail extends Emitter {
  #message = null;
  #tab = 'json';
  #all = false;
  #whole = null; // returns what is shown, of which only the beginning may stand there; null: all of it does
  #previous = new Map(); // by id: the sender's previous message, or null
  #decoded = null; // what the payload holds, as the server answers; null: not known, or nothing else than it is
  #line = null; // the chosen one of the JSON

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
    this.tree = new JSONTree();
    this.tree.on('choose', (line) => this.#chose(line));
    this.tree.on('name', (line) => this.copy(exactPath(line.path), 'path copied'));
    this.graph = new Graph();
    this.path = el('button.quiet.path', { type: 'button', title: 'copy the path', onclick: () => this.copy(exactPath(this.#line.path), 'path copied') });
    this.filter = el('button', { type: 'button', title: 'show messages with this value only (f)', onclick: () => this.emit('term', this.term) }, 'filter on this value');
    this.draw = el('button', { type: 'button', title: "this number in the sender's messages (v)", onclick: () => this.graph.show(this.#message, this.#line.path) }, 'graph');
    this.value = el('div.value', { hidden: true, role: 'group', 'aria-label': 'the chosen value' }, this.path, this.filter, this.draw);
    this.more = el('button.quiet', { type: 'button', hidden: true, onclick: () => { this.#all = true; this.#showPayload(); } });
    this.only = el('button', { type: 'button', onclick: () => this.emit('only', this.#message.sender) });
    this.copied = el('span.hint', { role: 'status' });
    root.append(
      el('header', {}, this.title, el('button.quiet', { type: 'button', 'aria-label': 'close', title: 'close (Esc)', onclick: () => this.emit('close') }, '×')),
      this.facts, this.tabs.node, this.problem, this.body, this.graph.node, this.value, this.more,
      el('footer', {}, this.only, el('button', { type: 'button', title: 'copy the address of this view', onclick: () => this.emit('copy', this.#message.id) }, 'copy link'),
        el('button', { type: 'button', title: 'copy the payload, exactly as it came; bytes that are not text in hex', onclick: () => this.copy(exactText(this.#message)) }, 'copy payload'),
        el('button', { type: 'button', title: 'copy the payload as it is shown', onclick: () => this.copy(this.#whole?.() ?? this.body.textContent) }, 'copy'),
        this.resend = el('button', { type: 'button', title: 'put topic and payload into the send line', onclick: () => this.emit('edit', { topic: this.#message.topic, payload: payloadText(this.#message) }) }, 'edit and send'), this.copied));
    this.#applyWidth();
    bars.on('changed', () => { if (this.#message) this.#showFacts(); });
  }

  get open() { return !this.root.hidden; }

  /** Shows a message; null closes. */
  set(message) {
    this.root.hidden = message == null;
    document.body.classList.toggle('with-detail', message != null);
    if (!message || message === this.#message) return;
    this.#message = message;
    this.#all = false;
    this.#decoded = null;
    this.graph.hide();
    this.#showFacts();
    this.#showPayload();
    if (mayBeEncoded(message)) this.#decode(message);
  }

  /** Asks what a payload holds that is no text. */
  async #decode(m) {
    try {
      const decoded = await get(`/api/messages/${m.id}/decoded`);
      if (this.#message !== m || (!decoded.encodings.length && !decoded.problem && !decoded.width)) return;
      this.#decoded = decoded;
      this.#showPayload();
    } catch {
      // It is evicted, or the receiver is away: the bytes are here.
    }
  }

  /** Shows the payload as "json", "raw", "hex" or "delta". */
  show(tab) {
    this.#tab = tab;
    this.#showPayload();
  }

  /** Shows the payload in the next way that there is. */
  next() {
    const open = [...this.tabs.node.children].filter((button) => !button.disabled);
    const at = open.findIndex((button) => button.getAttribute('aria-selected') === 'true');
    this.show(open[(at + 1) % open.length].dataset.tab);
  }

  /** Shows what changed, or again what was shown before. */
  toggleChanges() { this.show(this.#tab === 'delta' ? 'json' : 'delta'); }

  /** The filter's term for the chosen value; '' if none is chosen, or there is none. */
  get term() {
    const line = this.#line;
    return line?.value && !this.#encoded ? valueTerm(line.path, line.value) : '';
  }

  /** Filters, and the graph, see payloads as they came. */
  get #encoded() { return this.body.className === 'decoded'; }

  get #isNumber() { return !this.#encoded && /^[-0-9]/.test(this.#line?.value ?? ''); }

  /** Draws the chosen number, or takes the graph away. */
  toggleGraph() {
    if (!this.graph.node.hidden) this.graph.hide();
    else if (this.#isNumber) this.graph.show(this.#message, this.#line.path);
    else this.#showStatus('choose a number of the payload first');
  }

  /** Makes the detail wider or narrower by so many steps. */
  widen(by) {
    const most = innerWidth / 2 - least, wider = Math.max(0, Math.min(most, Number(localStorage.getItem(widerKey)) + by * step));
    localStorage.setItem(widerKey, wider);
    this.#applyWidth();
  }

  #applyWidth() { this.root.style.setProperty('--wider', `${Number(localStorage.getItem(widerKey))}px`); }

  /** What of a message can be copied: {key, words, value}. @param {object} m @param {string} link */
  copies(m, link) {
    const line = m === this.#message ? this.#line : null;
    return [
      { key: 'p', words: 'payload', value: exactText(m) }, { key: 't', words: 'topic', value: m.topic }, { key: 'i', words: 'ID', value: String(m.id) },
      { key: 'l', words: 'link', value: location.origin + link },
      ...(line ? [{ key: 'a', words: 'path', value: exactPath(line.path) }] : []), ...(line?.value ? [{ key: 'v', words: 'value', value: line.value }] : []),
    ];
  }

  /** Copies value to the clipboard, shows whether that worked, and resolves to the words for it. */
  async copy(value, words = 'copied') {
    try {
      await navigator.clipboard.writeText(value);
    } catch {
      words = 'the browser did not allow it';
    }
    this.#showStatus(words);
    return words;
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
      ['boot', m.boot], ['retained', m.retained && "▣ sent from the broker's store"],
      ['missed', m.missed && `⋯ ${count(m.missed)} just before`], ['order', m.reordered && '↶ reordered: older than one already seen'],
      ['Δ', delta(m.delta_ms)], ['Δ any', delta(m.delta_any_ms)], ['latency', latency(m.latency_ms)],
      ['seq', m.seq && count(m.seq)], ['QoS', String(m.qos)], ['size', bytes(payloadSize(m))],
    ];
    this.facts.replaceChildren(...rows.filter(([, v]) => v).flatMap(([k, v]) => [el('dt', { class: kinds[k] }, k), typeof v === 'string' ? el('dd', { class: kinds[k] }, el('bdi', {}, v)) : v]));
    this.resend.disabled = payloadText(m) == null || m.topic.startsWith('hellox/');
    text(this.only, `${cleanTopic(m.sender)} only`);
  }

  #showPayload() {
    const m = this.#message, decoded = this.#decoded;
    const json = payloadLines(m, this.#most), words = payloadText(m);
    const has = { json: json.problem == null, decoded: decoded != null, raw: words != null, hex: true, delta: true };
    let tab = this.#tab;
    if (!has[tab]) tab = ['decoded', 'raw', 'hex'].find((name) => has[name]);
    this.tabs.show(tab, (name) => has[name]);
    text(this.tabs.node.querySelector('[data-tab=decoded]'), decoded ? decodedName(decoded) : 'decoded');
    this.body.className = tab;
    this.more.hidden = this.value.hidden = true;
    this.#whole = this.#line = null;
    this.#showProblem(tab === 'delta' || (!json.problem && tab !== 'decoded') ? '' : tab === 'decoded' ? clean(decoded.problem ?? '') : meantAsJSON(m) ? 'not JSON: ' + json.problem : '');
    if (tab === 'delta') this.#showChanges(m);
    else if (tab === 'hex') this.#showHex(payloadBytes(m));
    else if (tab === 'json') this.#showJSON(words, json);
    else if (tab === 'raw') this.#showText(words);
    else this.#showDecoded(decoded);
  }

  #showProblem(words) {
    this.problem.hidden = words === '';
    text(this.problem, words);
  }

  #showHex(all) {
    if (!all.length) this.#whole = () => '';
    this.#showPlain(all.length ? hexdump(this.#all ? all : all.subarray(0, shownBytes)) : '(empty)');
    this.more.hidden = this.#all || all.length <= shownBytes;
    text(this.more, `the first ${bytes(shownBytes)}; show all ${bytes(all.length)}`);
  }

  /** How much is shown at first: what a browser lays out without a person waiting. */
  get #most() { return this.#all ? { lines: treeLines, characters: Infinity } : { lines: shownLines, characters: shownCharacters }; }

  #showText(words) {
    this.#whole = () => cleanLines(words);
    const shown = this.#all ? words : beginning(words);
    this.#showPlain(words === '' ? '(empty)' : cleanLines(shown));
    this.#offerMore(shown.length < words.length);
  }

  #showPlain(words) {
    text(this.body, words);
    attribute(this.body, 'tabindex', 0);
  }

  #offerMore(more) {
    this.more.hidden = !more;
    text(this.more, 'this is the beginning; show all of it');
  }

  /** Shows JSON. @param {string} source @param {{lines: import('./jsontext.js').Line[], more: boolean}} parsed */
  #showJSON(source, { lines, more }) {
    this.#whole = () => linesOf(source).lines.map((line) => line.text).join('\n');
    const before = lines.slice(0, -1).reduce((n, line) => n + line.text.length, 0);
    const last = this.#most.characters - before, cut = lines.at(-1).text.length > last;
    this.tree.show(lines, last);
    const rest = this.#all && more ? this.#whole().split('\n').slice(lines.length).join('\n') : '';
    this.body.replaceChildren(this.tree.node, ...(rest ? ['\n' + rest] : []));
    attribute(this.body, 'tabindex', null); // the tree has the keys
    this.#offerMore(!this.#all && (cut || more));
  }

  #showDecoded({ media_type: type, payload, payload_base64: base64, width, height }) {
    if (width) {
      const data = base64 ?? this.#message.payload_base64;
      this.body.replaceChildren(el('img', { src: `data:${type};base64,${data}`, width, height, alt: `${type}, ${count(width)} × ${count(height)} pixels` }));
      attribute(this.body, 'tabindex', 0);
      return;
    }
    const parsed = payload != null && type === 'application/json' ? linesOf(payload, this.#most) : null;
    if (parsed?.lines) this.#showJSON(payload, parsed);
    else if (payload != null) this.#showText(payload);
    else this.#showHex(payloadBytes(base64 == null ? this.#message : { payload_base64: base64 }));
  }

  /** Shows what can be done with a line of the JSON. */
  #chose(line) {
    this.#line = line;
    this.value.hidden = line.path == null && line.value === '';
    text(this.path, pathText(line.path));
    this.filter.hidden = !this.term;
    this.draw.hidden = !this.#isNumber;
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
    const same = m.text != null && m.text === before.text ? ': the same text' : ''; // what follows is its envelope
    this.body.replaceChildren(`since #${count(before.id)}, ${delta(parseTime(m.received) - parseTime(before.received))} before${same}\n\n`,
      ...changes(before, m).map((c) => el('div.change', { 'data-sign': c.sign }, `${c.sign} ${c.text}`)));
  }
}

/** The payload exactly as it came; bytes that are not text in hex. */
const exactText = (m) => payloadText(m) ?? Array.from(payloadBytes(m), hex).join('');

/** What an encoding is called on its tab. */
const decodedName = ({ encodings, width }) => clean(encodings.join(', ')) || (width ? 'image' : 'decoded');

/** As much of a text as a browser lays out at once without a person waiting. */
function beginning(s) {
  let end = Math.min(s.length, shownCharacters);
  for (let at = -1, lines = 0; (at = s.indexOf('\n', at + 1)) >= 0 && at < end;) if (++lines === shownLines) end = at;
  return s.slice(0, end);
}
