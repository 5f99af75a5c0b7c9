// A menu of a few options, each with a key, as in the terminal.

import { dialogHeader, el, text } from './dom.js';

/** @typedef {{key: string, words: string, run: () => void}} Option */

/** Choice shows options in a dialog; a key or a press takes one. */
export class Choice {
  #options = [];

  /** @param {HTMLDialogElement} dialog */
  constructor(dialog) {
    this.dialog = dialog;
    this.list = el('div.options', {});
    dialog.append(dialogHeader(dialog, ''), this.list);
    dialog.addEventListener('keydown', (e) => this.#key(e));
    dialog.addEventListener('click', (e) => { if (e.target === dialog) dialog.close(); });
  }

  /** Asks for one of the options. @param {string} title @param {Option[]} options */
  ask(title, options) {
    this.#options = options;
    text(this.dialog.querySelector('h2'), title);
    this.list.replaceChildren(...options.map((o) => el('button', { type: 'button', onclick: () => this.#take(o) }, el('kbd', {}, o.key), el('span', {}, o.words))));
    this.dialog.showModal();
    this.list.firstChild.focus();
  }

  #take(option) {
    this.dialog.close();
    option.run();
  }

  #key(e) {
    e.stopPropagation();
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const buttons = [...this.list.children], step = { ArrowDown: 1, ArrowUp: -1 }[e.key], option = this.#options.find((o) => o.key === e.key);
    if (!step && !option) return;
    e.preventDefault();
    if (option) this.#take(option);
    else buttons[(buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length].focus();
  }
}
