// The topics panel: a tree with the number of messages, the newest payload and its age.

import { attribute, el, text } from './dom.js';
import { VirtualList } from './vlist.js';
import { Cursor } from './cursor.js';
import { cleanTopic, shorten } from './clean.js';
import { age, count, plural, rate } from './format.js';
import { summary } from './payload.js';
import { Emitter } from './emitter.js';
import { topicTerm } from './filterterms.js';

const nameLength = 26; // with its indent

/** Emits "choose" (a term of the filter language) and "mute" (one that excludes). */
export class TopicPanel extends Emitter {
  #topics;
  #clock;
  #rows = [];
  #list;
  #cursor;

  /** @param {HTMLElement} root @param {import('./topics.js').Topics} topics @param {import('./clock.js').Clock} clock */
  constructor(root, topics, clock) {
    super();
    this.#topics = topics;
    this.#clock = clock;
    this.viewport = el('div.rows', { tabindex: 0, role: 'tree', 'aria-label': 'topics' });
    this.none = el('p.hint', {}, 'none yet');
    root.append(this.viewport, this.none, el('p.hint.keys', {}, 'enter filters, ← → o fold, M mutes'));
    this.#list = new VirtualList(this.viewport, {
      count: () => this.#rows.length,
      create: () => el('div.row', { role: 'treeitem' }, el('button.fold.quiet', { type: 'button', tabindex: -1, 'aria-hidden': 'true' }), el('bdi.name'),
        ...['last', 'rate', 'many', 'ago'].map((kind) => el('span.words.' + kind))),
      fill: (node, i) => this.#fill(node, i),
    });
    this.#cursor = new Cursor(this.viewport, 'topic-', {
      count: () => this.#rows.length, skip: () => false, reveal: (i) => this.#list.reveal(i), refresh: () => this.#list.refresh(),
      enter: (i) => this.#choose(i, 'choose'), key: (key, i) => this.#key(key, i),
    });
    topics.on('changed', () => this.refresh());
    setInterval(() => { if (this.shown) this.#list.refresh(); }, 1000); // ages
    this.viewport.addEventListener('click', (e) => this.#clicked(e));
  }

  get shown() { return this.viewport.offsetParent != null && !document.hidden; }

  refresh() {
    this.#rows = this.#topics.rows();
    this.none.hidden = this.#rows.length > 0;
    this.#list.refresh();
  }

  #fill(node, index) {
    const row = this.#rows[index];
    if (!row) return;
    const { node: topic, depth, open } = row, parent = topic.children.size > 0;
    this.#cursor.mark(node, index);
    node.dataset.index = index;
    attribute(node, 'aria-level', depth + 1);
    attribute(node, 'aria-expanded', parent ? String(open) : null);
    attribute(node, 'aria-selected', index === this.#cursor.index);
    const [fold, name, last, perSecond, many, ago] = node.children;
    node.style.paddingLeft = 4 + 12 * depth + 'px';
    text(fold, parent ? (open ? '▾' : '▸') : '');
    text(name, shorten(cleanTopic(topic.name), nameLength - 2 * depth));
    const words = topic.facts ? summary(topic.facts) : '';
    text(last, parent && !open ? `${count(topic.topics)} ${plural(topic.topics, 'topic')}` : words);
    text(perSecond, topic.rate ? rate(topic.rate) : '');
    text(many, count(parent && open && topic.facts ? topic.facts.messages : topic.messages));
    text(ago, !topic.facts ? '' : topic.seen ? age(this.#clock.now() - topic.seen) : 'retained');
    attribute(node, 'title', `${cleanTopic(topic.path)}: ${count(topic.messages)} ${plural(topic.messages, 'message')}${topic.rate ? `, ${rate(topic.rate)}` : ''}${words ? ', the newest ' + words : ''}`);
  }

  #key(key, index) {
    const row = this.#rows[index];
    if (!row) return false;
    const { node: topic, depth, open } = row;
    if (key === 'ArrowRight' && topic.children.size > 0 && !open) this.#topics.toggle(topic.path, true);
    else if (key === 'ArrowLeft' && open) this.#topics.toggle(topic.path, false);
    else if (key === 'ArrowLeft') this.#cursor.set(Math.max(0, this.#rows.findLastIndex((r, i) => i < index && r.depth < depth)));
    else if (key === 'm' || key === 'M') this.#choose(index, 'mute');
    else if (key === 'o') this.#topics.toggleAll();
    else return key === 'ArrowRight';
    return true;
  }

  #clicked(e) {
    const index = Number(e.target.closest('[data-index]')?.dataset.index ?? -1), row = this.#rows[index];
    if (!row) return;
    this.#cursor.set(index);
    if (e.target.closest('.fold') && row.node.children.size > 0) this.#topics.toggle(row.node.path, !row.open);
    else this.#choose(index, e.shiftKey ? 'mute' : 'choose');
  }

  #choose(index, what) {
    const { node: topic } = this.#rows[index];
    this.emit(what, topicTerm(topic.path, topic.children.size > 0));
  }
}
