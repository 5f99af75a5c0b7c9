// What a filter may go on with: named filters, keys of the language, senders, topics.

import { el, attribute } from './dom.js';
import { clean, cleanTopic } from './clean.js';
import { senderTerm, topicTerm } from './filterterms.js';
import { forgetFilter, namedFilters } from './namedfilters.js';
import { terms } from './terms.js';

const most = 8;
const ofText = new Set(['sender', 'topic', 'text', 'payload']); // keys that are matched, the others are compared
const keys = [...new Set(terms.flatMap((t) => /^[a-z]+(?=[:<>=])/.exec(t.Example) ?? []).filter((k) => k !== 'is')
  .map((k) => k + (ofText.has(k) ? ':' : '>'))), 'is:'];

/**
 * @typedef {object} Known  names to complete
 * @property {() => string[]} senders  those that the page has
 * @property {() => string[]} topics
 * @property {(part: string, limit: number) => Promise<string[]>|string[]} find  senders that the server has beside them
 */

/** A list below an input that completes the word at its end, or puts a named filter into it. */
export class Completion {
  #input;
  #known;
  /** @type {{text: string, name?: string}[]} name: of a filter, which takes the place of the whole input */
  #entries = [];
  #index = -1;
  #found = { part: '', names: [] }; // senders that the server found
  #timer = 0;

  /**
   * @param {HTMLInputElement} input
   * @param {Known} known
   * @param {() => void} changed  called when the input was completed
   */
  constructor(input, known, changed) {
    this.#input = input;
    this.#known = known;
    this.changed = changed;
    this.node = el('div.completion', { id: 'completion', role: 'listbox', 'aria-label': 'completions', hidden: true });
    for (const [name, value] of [['role', 'combobox'], ['aria-autocomplete', 'list'], ['aria-controls', 'completion'], ['aria-expanded', 'false']]) attribute(input, name, value);
    input.addEventListener('input', () => this.#show());
    input.addEventListener('focus', () => { if (!input.value) this.#show(); });
    input.addEventListener('blur', () => this.hide());
    this.node.addEventListener('pointerdown', (e) => {
      e.preventDefault(); // the input keeps the focus
      const at = [...this.node.children].indexOf(e.target.closest('[role=option]'));
      if (at >= 0 && e.target.closest('.forget')) this.#forget(at);
      else if (at >= 0) this.#take(at);
    });
  }

  hide() { this.#open(false); }

  /** Shows the list, of which none is chosen yet, or hides it. */
  #open(open) {
    this.#index = -1;
    this.node.hidden = !open;
    attribute(this.#input, 'aria-expanded', String(open));
    attribute(this.#input, 'aria-activedescendant', null);
  }

  /** Handles a key; reports whether it was one for the list. */
  key(name) {
    if (this.node.hidden) return false;
    if (name === 'ArrowDown' || name === 'ArrowUp') this.#move(name === 'ArrowDown' ? 1 : -1);
    else if (name === 'Tab' && !this.#input.value && this.#index < 0) return false; // on to the next field
    else if (name === 'Tab' || (name === 'Enter' && this.#index >= 0)) this.#take(Math.max(0, this.#index));
    else if (name === 'Delete' && this.#entries[this.#index]?.name) this.#forget(this.#index);
    else if (name === 'Escape') this.hide();
    else return false;
    return true;
  }

  /** The word at the end of the input, without the sign that excludes it. */
  #word() { return /(?:^|[\s(])-?([^\s()]*)$/.exec(this.#input.value)?.[1] ?? ''; }

  /** What a word may become. @param {string} lower  the word in small letters */
  #endings(lower) {
    const of = (all, part) => all.filter((name) => name.toLowerCase().includes(part));
    const senders = (part) => of([...new Set([...this.#known.senders(), ...this.#found.names])], part).map((s) => senderTerm(s));
    if (lower.startsWith('sender:')) return senders(lower.slice(7));
    if (lower.startsWith('topic:')) return of(this.#known.topics(), lower.slice(6)).map((t) => topicTerm(t));
    if (lower.startsWith('is:')) return terms.map((t) => t.Example).filter((e) => e.startsWith(lower));
    return lower ? [...keys.filter((k) => k.startsWith(lower)), ...senders(lower)] : [];
  }

  #show() {
    const { value, selectionStart } = this.#input, word = this.#word(), lower = word.toLowerCase();
    const called = value.trim().toLowerCase().replace(/^@/, '');
    const named = namedFilters().filter((k) => k.name.toLowerCase().includes(called) && k.filter !== value).map(({ name, filter }) => ({ name, text: filter }));
    const words = selectionStart === value.length ? this.#endings(lower).filter((w) => w !== word) : [];
    this.#entries = [...named, ...words.map((text) => ({ text }))].slice(0, most);
    this.node.replaceChildren(...this.#entries.map(({ text, name }, i) => el('div', { role: 'option', id: 'completion-' + i },
      ...(name ? [el('b', {}, '@' + clean(name)), el('span.hint', {}, clean(text)), el('span.forget', { title: 'forget this filter (Delete)' }, '×')] : [cleanTopic(text)]))));
    this.#open(this.#entries.length > 0);
    if (lower.startsWith('sender:') && lower.slice(7) !== this.#found.part) this.#findSenders(lower.slice(7));
  }

  /** Asks the server for senders of which the page does not know. */
  #findSenders(part) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(async () => {
      const value = this.#input.value;
      try {
        this.#found = { part, names: part ? await this.#known.find(part, most) : [] };
      } catch {
        return; // the head says that the receiver is away
      }
      if (this.#input.value === value && document.activeElement === this.#input && this.#index < 0) this.#show();
    }, 150);
  }

  #move(step) {
    this.#index = this.#index < 0 && step < 0 ? this.#entries.length - 1 : (this.#index + step + this.#entries.length) % this.#entries.length;
    [...this.node.children].forEach((node, i) => attribute(node, 'aria-selected', i === this.#index ? 'true' : null));
    attribute(this.#input, 'aria-activedescendant', 'completion-' + this.#index);
  }

  #take(index) {
    const word = this.#word(), { text, name } = this.#entries[index];
    this.#input.value = name ? text : this.#input.value.slice(0, this.#input.value.length - word.length) + text;
    this.hide();
    if (/[:>]$/.test(text) && !name) this.#show();
    else this.changed();
  }

  #forget(index) {
    forgetFilter(this.#entries[index].name);
    this.#show();
  }
}
