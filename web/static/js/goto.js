// The line that a place in the history is typed into.

import { dialogHeader, el, text } from './dom.js';
import { Emitter } from './emitter.js';
import { placeOf } from './place.js';

const wrong = 'a place is a time (14:02, 2026-11-28 14:02), a duration ago (-5m), the ID of a message (#18204), oldest or newest';

/** GoTo asks for a place. Emits "go" (what placeOf returns). */
export class GoTo extends Emitter {
  /** @param {HTMLDialogElement} dialog @param {import('./clock.js').Clock} clock */
  constructor(dialog, clock) {
    super();
    this.dialog = dialog;
    this.input = el('input', { type: 'text', 'aria-label': 'go to', 'aria-describedby': 'goto-hint', spellcheck: 'false', autocomplete: 'off' });
    this.hint = el('p.hint', { id: 'goto-hint' });
    dialog.append(dialogHeader(dialog, 'go to'), el('form', { method: 'dialog' }, this.input), this.hint);
    dialog.addEventListener('keydown', (e) => e.stopPropagation());
    dialog.addEventListener('submit', (e) => {
      const to = placeOf(this.input.value, clock.now());
      if (to) {
        this.emit('go', to);
        return;
      }
      e.preventDefault();
      text(this.hint, wrong);
      this.hint.className = 'bad';
    });
  }

  ask() {
    this.input.value = '';
    this.hint.className = 'hint';
    text(this.hint, '14:02   14:02:31   2026-11-28 14:02   -5m   #18204   oldest');
    this.dialog.showModal();
    this.input.focus();
  }
}
