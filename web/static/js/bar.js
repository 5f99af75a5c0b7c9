// The bar in a sender's colour.

import { colorOf, hues } from './color.js';
import { Emitter } from './emitter.js';

/** Emits "changed" when a sender has another bar than it had: another one of its hue is shown. */
export const bars = new Emitter();

const marks = 4; // kinds of a bar: whole, broken, dotted, two lines
const owners = Array.from({ length: hues }, () => new Map()); // of each hue: the senders that have been shown, with their marks

/**
 * The CSS classes of a sender's bar. It is whole unless two senders that have been shown
 * share its hue. Then each has the mark of its name, as in the terminal, or if another
 * sender has that one, the next that none has.
 */
export function barClass(sender, declared) {
  const index = colorOf(sender, declared), hue = index % hues, own = Math.floor(index / hues), others = owners[hue];
  if (!others.has(sender) && others.size < marks) {
    const taken = [...others.values()];
    let mark = own;
    while (taken.includes(mark)) mark = (mark + 1) % marks;
    others.set(sender, mark);
    if (others.size === 2) queueMicrotask(() => bars.emit('changed')); // not while rows are filled
  }
  return `bar hue${hue} mark${others.size > 1 ? others.get(sender) ?? own : 0}`;
}
