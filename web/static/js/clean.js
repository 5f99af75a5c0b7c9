// Makes text from the network safe to show on one line, by the same rules as
// safetext.Clean in Go. A test compares the two.

import { ranges } from './visible.js';

export const maxMarks = 4; // on one character
const hex = (code) => `\\u{${code.toString(16)}}`;
const visible = new RegExp(`^[${ranges.map(([first, last]) => `${hex(first)}-${hex(last)}`).join('')}]$`, 'u');
const selectors = /^\p{Variation_Selector}$/u;
const marks = /^\p{M}$/u;
const plain = /^[ -~]*$/;

/** Whether c is shown as itself. */
export const bare = (c) => plain.test(c) || visible.test(c);

/** Whether c is a combining mark that can be seen. */
export const isMark = (c) => c > '\x7f' && marks.test(c) && visible.test(c);

/** Whether c is a variation selector. */
export const isSelector = (c) => selectors.test(c);

/** @param {string} c one character, no mark */
function sign(c) {
  const code = c.codePointAt(0);
  if (code === 0x0a) return '⏎';
  if (code === 0x09) return '    ';
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return '␡';
  if (visible.test(c)) return c;
  if (code >= 0xd800 && code < 0xe000) return '\ufffd'; // half a pair: JSON can spell it, UTF-8 cannot
  return '‹U+' + code.toString(16).toUpperCase().padStart(4, '0') + '›';
}

/**
 * @param {string} s
 * @returns {string} one line, without a character that hides or moves others
 */
export function clean(s) {
  if (plain.test(s)) return s;
  let out = '', base = false, sitting = 0, excess = 0, selector = false;
  const flush = () => {
    if (excess > 0) out += '‹+' + excess + ' marks›';
    sitting = 0; excess = 0; selector = false;
  };
  for (const c of s) {
    if (isMark(c)) {
      const selects = isSelector(c);
      if (sitting === maxMarks || (selects && selector) || excess > 0) {
        excess++;
        continue;
      }
      if (!base) {
        out += '◌';
        base = true;
      }
      out += c;
      sitting++;
      selector ||= selects;
      continue;
    }
    flush();
    out += sign(c);
    base = true;
  }
  flush();
  return out;
}

/** Cleans s and shortens it to at most most characters, leaving out the middle: names differ at their ends. */
export function cleanShort(s, most) {
  const c = Array.from(clean(s));
  if (c.length <= most) return c.join('');
  const head = Math.ceil((most - 1) / 3);
  return c.slice(0, head).join('') + '…' + c.slice(head + 1 - most).join('');
}

/** Cleans line by line, for text that is shown as a block. */
export const cleanLines = (s) => s.split(/\r?\n/).map(clean).join('\n');
