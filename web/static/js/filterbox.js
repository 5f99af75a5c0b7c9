// The filter box. An error is shown with its column, a caret under the character.

import { attribute, el, text } from './dom.js';
import { Problem, get } from './api.js';
import { Emitter } from './emitter.js';
import { clean, cleanTopic } from './clean.js';
import { Completion } from './completion.js';
import { senderTerm, splitTerms } from './filterterms.js';
import { expand, filterName, keepFilter, namedFilters } from './namedfilters.js';
import { touch } from './media.js';
import { limits } from './limits.js';

/**
 * Emits "filter" (an expression that parses, or that the receiver could not be asked
 * about), "search" ({expression, filter}: go through what passes one, and show the filter that was shown before), "typed" (it is left or entered),
 * "remove" (the number of a term), "sender" ('' when its chip is closed) and "leave".
 */
export class FilterBox extends Emitter {
  #asked = 0;
  #shown = ''; // the filter that the list shows
  #entered = ''; // the one that it showed when the box was entered
  #example = ''; // name of a sender in the empty box
  #timer = 0;

  /** @param {HTMLElement} root @param {import('./completion.js').Known} known  names to complete */
  constructor(root, known) {
    super();
    this.input = el('input', {
      type: 'text', 'aria-label': 'filter', 'aria-describedby': 'filter-error',
      spellcheck: 'false', autocapitalize: 'off', autocomplete: 'off', maxlength: limits.filter_bytes,
      oninput: () => this.#typed(), onfocus: () => { this.#entered = this.#shown; }, onkeydown: (e) => this.#key(e), onblur: () => this.emit('typed'),
    });
    this.caret = el('span.caret', { 'aria-hidden': 'true' });
    this.error = el('p.problem', { id: 'filter-error', role: 'alert', hidden: true });
    this.chip = el('button.chip', { type: 'button', hidden: true, title: 'show all senders again', onclick: () => this.emit('sender', '') });
    this.terms = el('div.terms', { role: 'group', 'aria-label': 'terms of the filter' });
    this.terms.addEventListener('click', (e) => {
      const at = [...this.terms.children].indexOf(e.target.closest('button'));
      if (at >= 0) this.emit('remove', at);
    });
    this.keep = el('button.quiet.keep', { type: 'button', hidden: true, title: 'keep this filter under a name (ctrl+s in the filter box)', onclick: () => this.#askName() }, 'keep');
    this.name = el('input.name', {
      type: 'text', placeholder: 'its name: letters, digits, - _ .', 'aria-label': 'name of the filter', spellcheck: 'false', autocomplete: 'off', maxlength: 60,
      onkeydown: (e) => this.#nameKey(e), onblur: () => this.#showKeep(),
    });
    this.naming = el('label.naming', { hidden: true }, 'keep as', this.name);
    this.completion = new Completion(this.input, known, () => this.#check('filter'));
    root.append(el('div.filter', {}, el('kbd', { 'aria-hidden': 'true' }, '/'), this.chip, this.terms, el('div.entry', {}, this.input, this.caret), this.keep, this.naming, this.completion.node));
    new ResizeObserver(() => this.#showExample()).observe(this.input);
    touch.addEventListener('change', () => this.#showExample()); // its letters are larger
  }

  /** The name of a sender that is in what the empty box shows; '': none. */
  get example() { return this.#example; }
  set example(sender) {
    this.#example = sender;
    this.#showExample();
  }

  /** Shows in the empty box how a filter looks, as much as there is room for. */
  #showExample() {
    const style = getComputedStyle(this.input), room = this.input.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    const ruler = document.createElement('canvas').getContext('2d'), of = this.#example && senderTerm(this.#example);
    ruler.font = `${style.fontSize} ${style.fontFamily}`;
    const examples = [of && `filter: ${of} delta>8s`, of && `filter: ${of}`, 'filter: delta>8s'].filter(Boolean);
    attribute(this.input, 'placeholder', examples.find((words) => ruler.measureText(words).width < room) ?? 'filter');
  }

  focus() { this.input.focus(); this.input.select(); }

  /** Shows a filter and a sender that were chosen elsewhere. */
  show(filter, sender) {
    if (this.input.value !== filter) this.input.value = filter;
    const terms = splitTerms(filter);
    // What stands side by side can be removed term by term; alternatives are one expression.
    const chips = terms.length > 1 && !terms.some((t) => /^(or|not)$/i.test(t)) ? terms : [];
    this.terms.replaceChildren(...chips.map((t) => el('button.chip', { type: 'button', title: `remove ${clean(t)}` }, clean(t) + ' ×')));
    this.#shown = filter;
    this.#showKeep();
    this.chip.hidden = sender === '';
    text(this.chip, `${cleanTopic(sender)} only ×`);
  }

  /** Shows an error; null hides it. */
  showError(error) {
    this.error.hidden = error == null;
    if (error) this.keep.hidden = true;
    attribute(this.input, 'aria-invalid', error != null);
    text(this.error, error ? clean(error.message) + (this.#shown === this.input.value ? '' : ` · still showing: ${clean(this.#shown) || 'all'}`) : '');
    // The column counts characters, the input UTF-16 units.
    const before = error?.column ? Array.from(this.input.value).slice(0, error.column - 1).join('').length : 0;
    text(this.caret, error?.column ? ' '.repeat(before) + '^' : '');
    this.caret.style.transform = `translateX(${-this.input.scrollLeft}px)`;
  }

  /** Offers to keep the filter that is shown, unless it is kept already. */
  #showKeep() {
    this.naming.hidden = true;
    this.keep.hidden = !this.#shown || namedFilters().some((k) => k.filter === this.#shown);
  }

  #askName() {
    this.naming.hidden = false;
    this.name.value = '';
    this.name.focus();
  }

  #nameKey(e) {
    e.stopPropagation();
    const name = filterName(this.name.value);
    if (e.key === 'Enter' && name) keepFilter(name, this.#shown);
    else if (e.key !== 'Escape') return;
    e.preventDefault();
    this.#showKeep();
    this.input.focus();
  }

  #typed() {
    clearTimeout(this.#timer);
    this.#asked++; // an answer about what stood here before would take the new letters away
    if (this.input.value.trim().startsWith('@')) this.showError(null); // of a name each letter counts: Enter takes it
    else this.#timer = setTimeout(() => this.#check('filter'), 250);
  }

  /** Shows what is wrong with what is typed; emits it as event if nothing is. Resolves to whether nothing is, as long as nothing else was typed. */
  async #check(event) {
    clearTimeout(this.#timer);
    const asked = ++this.#asked;
    let filter = this.input.value.trim();
    try {
      filter = expand(filter);
      if (filter) await get('/api/filter', { filter });
      if (asked !== this.#asked) return false;
      this.showError(null);
      this.#passOn(event, filter);
      return true;
    } catch (error) {
      if (asked !== this.#asked) return false;
      if (error instanceof Problem && error.status === 400) {
        this.showError(error);
        return false;
      }
      this.#passOn(event, filter); // opening it waits for the receiver, and says so
      return true;
    }
  }

  #passOn(event, filter) { this.emit(event, event === 'search' ? { expression: filter, filter: this.#entered } : filter); }

  #key(e) {
    e.stopPropagation();
    if (this.completion.key(e.key)) {
      e.preventDefault();
      return;
    }
    if (e.key === 'Enter' && e.shiftKey) {
      this.#check('search');
    } else if (e.key === 'Enter') {
      this.#check('filter').then((taken) => {
        this.emit('typed');
        if (taken && document.activeElement === this.input) this.emit('leave');
      });
    } else if (e.key === 'Escape') {
      if (this.input.value) {
        this.input.value = '';
        this.#check('filter');
      } else {
        this.input.blur();
        this.emit('leave');
      }
    } else if (e.key === 's' && (e.ctrlKey || e.metaKey)) {
      e.preventDefault();
      this.#check('filter').then((taken) => { if (taken && this.#shown) this.#askName(); });
    } else if (e.key === 'ArrowDown') {
      this.emit('leave');
    }
  }
}
