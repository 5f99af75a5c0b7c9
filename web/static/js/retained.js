// What the broker retains: a list with a way to clear each, and the question before.

import { dialogHeader, el, text } from './dom.js';
import { get, post } from './api.js';
import { clean, cleanTopic } from './clean.js';
import { bytes, count } from './format.js';
import { payloadSize, summary } from './payload.js';
import { Emitter } from './emitter.js';

/** A dialog. Emits "edit" ({topic, payload}). */
export class Retained extends Emitter {
  /** @param {HTMLDialogElement} dialog */
  constructor(dialog) {
    super();
    this.dialog = dialog;
    this.words = el('p.hint');
    this.list = el('div.list');
    dialog.append(dialogHeader(dialog, 'retained by the broker'), this.words, this.list);
    dialog.addEventListener('keydown', (e) => e.stopPropagation());
  }

  /** Shows what the broker retains now, on one topic or on all. @param {string} [topic] */
  async open(topic) {
    if (!this.dialog.open) this.dialog.showModal();
    text(this.words, 'asking the broker …');
    this.list.replaceChildren();
    try {
      const { messages, more } = await get('/api/retained', { topic });
      text(this.words, messages.length ? `${count(messages.length)}${more ? ' and more' : ''}; who subscribes later receives them` : topic ? `nothing on ${cleanTopic(topic)}` : 'nothing');
      this.list.replaceChildren(...messages.map((m) => this.#row(m)));
    } catch (error) {
      text(this.words, clean(error.message));
    }
  }

  #row(m) {
    const clear = el('button', { type: 'button' }, 'clear …');
    const row = el('div.row', {}, el('bdi.topic', { title: cleanTopic(m.topic) }, cleanTopic(m.topic)), el('bdi.words', {}, summary(m)), el('span.hint', {}, bytes(m.bytes)),
      el('button.quiet', { type: 'button', disabled: m.payload == null || payloadSize(m) < m.bytes, onclick: () => { this.dialog.close(); this.emit('edit', m); } }, 'edit'), clear);
    // The question stands where the button was: a second press of the same place must not answer it.
    clear.addEventListener('click', () => {
      const no = el('button', { type: 'button', onclick: () => { question.replaceWith(clear); clear.focus(); } }, 'keep');
      const yes = el('button.bad', { type: 'button', onclick: () => this.#clear(m.topic, row) }, 'clear it');
      const question = el('span.question', {}, no, yes);
      clear.replaceWith(question);
      no.focus();
    });
    return row;
  }

  async #clear(topic, row) {
    try {
      await post('/api/publish', { topic, payload: '', qos: 1, retain: true });
      row.remove();
      text(this.words, `${cleanTopic(topic)} was cleared`);
    } catch (error) {
      text(this.words, clean(error.message));
    }
  }
}
