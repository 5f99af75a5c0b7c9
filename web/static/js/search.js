// Goes from one message that passes an expression to the next, and hides nothing.

import { get } from './api.js';
import { latest } from './latest.js';

const all = (...expressions) => expressions.filter(Boolean).map((e) => `(${e})`).join(' ');

export class Search {
  expression = ''; // '': nothing is searched for

  /**
   * @param {import('./view.js').View} view
   * @param {(forward: boolean) => number} place  the ID from which it goes on; 0: the newest
   * @param {(id: number) => Promise<void>} show  shows what was found
   * @param {(words: string) => void} tell
   */
  constructor(view, place, show, tell) {
    /** Goes to the next one, or (forward: false) to the one before. @type {(forward: boolean) => Promise<void>} */
    this.go = latest(async (forward) => {
      if (!this.expression) {
        tell('n and N go through what passes an expression: type it into the filter box, then shift+enter');
        return;
      }
      const { filter, sender } = view.selection, wanted = { filter: all(filter, this.expression), sender, limit: 1 };
      const step = (from) => get('/api/messages', { ...wanted, ...(forward ? { after: from } : { before: from || undefined }) });
      let { messages, next } = await step(place(forward));
      while (!messages.length && next != null) ({ messages, next } = await step(next)); // few of many pass
      if (messages.length) await show(messages[0].id);
      else tell(`nothing ${forward ? 'newer' : 'older'} passes ${this.expression}`);
    });
  }
}
