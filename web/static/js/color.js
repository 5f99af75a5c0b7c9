// The colour of a sender, as stream.ColorOf computes it. A test compares the two.

import { palette } from './palette.js';

const encoder = new TextEncoder();
export const hues = palette.length / 2;

/** FNV-1a of the UTF-8 bytes, 32 bits. */
function hash(s) {
  let h = 0x811c9dc5;
  for (const byte of encoder.encode(s)) h = Math.imul(h ^ byte, 0x01000193) >>> 0;
  return h;
}

const known = new Map();

/**
 * @param {string} sender
 * @param {string} [declared] #rrggbb
 * @returns {number} its index in the palette: hue + 8 * mark
 */
export function colorOf(sender, declared = '') {
  let own = known.get(sender);
  if (own === undefined) {
    if (known.size > 20_000) known.clear();
    own = hash(sender) % palette.length;
    known.set(sender, own);
  }
  if (!declared) return own;
  const wanted = declared.toLowerCase();
  const hue = palette.findIndex((c) => c.light === wanted || c.dark === wanted);
  return hue < 0 ? own : (hue % hues) + Math.floor(own / hues) * hues;
}
