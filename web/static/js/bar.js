// The bar in a sender's colour.

import { colorOf, hues } from './color.js';

const owners = Array.from({ length: hues }, () => new Set()); // senders that have been shown, two of a hue at most

/** The CSS classes of a sender's bar. It is broken only where two senders share a hue. */
export function barClass(sender, declared) {
  const index = colorOf(sender, declared), hue = index % hues;
  if (owners[hue].size < 2) owners[hue].add(sender);
  return `bar hue${hue} mark${owners[hue].size > 1 ? Math.floor(index / hues) : 0}`;
}
