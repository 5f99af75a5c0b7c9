// The columns of the list: their names, and which of them are hidden.

import { attribute, el } from './dom.js';

const columns = [
  ['time', 'when the receiver received it', '.time'],
  ['sender', 'the sender; of a foreign payload, its topic', '.sender'],
  ['topic', 'the topic, without the first level if it is hello_world', '.topic'],
  ['text', 'the text or the payload', '.text'],
  ['Δ', 'since the previous message of the same sender', '.number.delta'],
  ['Δ any', 'since the previous message of any sender', '.number.any'],
  ['latency', 'from sent to received', '.number.latency'],
];
const hideable = [['topic', 'topic'], ['delta', 'Δ'], ['any', 'Δ any'], ['latency', 'latency']];
const key = 'hellox.columns.hidden';

/** The header of the list; a narrow list drops columns by itself (list.css). */
export class Columns {
  #narrow; // shows in the menu which of the chosen columns the list has no room for

  /** @param {HTMLElement} list gets the classes that hide columns @param {string} id of the header */
  constructor(list, id) {
    const hidden = new Set((localStorage.getItem(key) ?? '').split(' ').filter(Boolean));
    const apply = () => hideable.forEach(([name]) => list.classList.toggle('hide-' + name, hidden.has(name)));
    const hints = hideable.map(([name]) => [name, el('span.hint', {}, 'no room')]);
    this.#narrow = () => hints.forEach(([name, hint]) => { hint.hidden = hidden.has(name) || this.header.querySelector('.' + name).checkVisibility(); });
    const choice = ([name, label], i) => el('label', {}, el('input', {
      type: 'checkbox', checked: !hidden.has(name),
      onchange: (e) => {
        if (e.target.checked) hidden.delete(name);
        else hidden.add(name);
        localStorage.setItem(key, [...hidden].join(' '));
        apply();
        this.#narrow();
      },
    }), label, hints[i][1]);
    this.menu = el('div.menu', { hidden: true, role: 'group', 'aria-label': 'columns' }, ...hideable.map(choice));
    this.button = el('button.quiet', { type: 'button', title: 'columns', 'aria-label': 'columns', 'aria-expanded': 'false', onclick: () => this.#show(this.menu.hidden) }, '▾');
    this.menu.addEventListener('keydown', (e) => {
      e.stopPropagation();
      if (e.key === 'Escape') this.#show(false);
    });
    document.addEventListener('pointerdown', (e) => { if (!this.menu.contains(e.target) && e.target !== this.button) this.#show(false); });
    list.append(el('div.choose', {}, this.button, this.menu));
    this.header = el('div.columns', { id, role: 'row', 'aria-rowindex': 1 }, ...columns.map(([name, title, kind]) => el('span' + kind, { role: 'columnheader', title }, name)));
    apply();
  }

  #show(open) {
    if (!open && this.menu.contains(document.activeElement)) this.button.focus();
    if (open) this.#narrow();
    this.menu.hidden = !open;
    attribute(this.button, 'aria-expanded', String(open));
  }
}
