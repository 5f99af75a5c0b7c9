// The topics panel: name, number of messages, time since the last one.

import { attribute, el, text } from './dom.js';
import { VirtualList } from './vlist.js';
import { cleanTopic, shorten } from './clean.js';
import { age, count } from './format.js';
import { summary } from './payload.js';
import { Emitter } from './emitter.js';

const nameLength = 22;

/** Emits "choose" (a topic). */
export class TopicPanel extends Emitter {
  /** @param {HTMLElement} root @param {import('./topics.js').Topics} topics @param {import('./clock.js').Clock} clock */
  constructor(root, topics, clock) {
    super();
    this.viewport = el('div.rows', { tabindex: 0, role: 'listbox', 'aria-label': 'topics' });
    root.append(this.viewport);
    const fill = (node, index) => {
      const t = topics.list[index];
      if (!t) return;
      const [name, many, ago] = node.children;
      node.dataset.topic = t.name;
      attribute(node, 'title', `${cleanTopic(t.name)}: ${summary(t.newest)}`);
      text(name, shorten(cleanTopic(t.name), nameLength));
      text(many, count(t.messages));
      text(ago, t.seen ? age(clock.now() - t.seen) : 'retained');
    };
    const list = new VirtualList(this.viewport, {
      count: () => topics.list.length,
      create: () => el('div.row', { role: 'option' }, el('bdi.name'), el('span.words', { title: 'messages that this page has read' }), el('span.words')),
      fill,
    });
    topics.on('changed', () => list.refresh());
    setInterval(() => { if (this.viewport.offsetParent && !document.hidden) list.refresh(); }, 250);
    this.viewport.addEventListener('click', (e) => {
      const node = e.target.closest('[data-topic]');
      if (node) this.emit('choose', node.dataset.topic);
    });
  }
}
