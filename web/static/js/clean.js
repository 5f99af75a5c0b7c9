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
  const n = c.codePointAt(0);
  if (n === 0x0a) return '⏎';
  if (n === 0x09) return '    ';
  if (n < 0x20) return String.fromCodePoint(0x2400 + n);
  if (n === 0x7f) return '␡';
  if (visible.test(c)) return c;
  if (n >= 0xd800 && n < 0xe000) return '\ufffd'; // half a pair: JSON can spell it, UTF-8 cannot
  return code(c);
}

/** A character by its number. */
const code = (c) => '‹U+' + c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0') + '›';

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

const outerSpace = /(^|\/)[\t\p{Zs}]|[\t\p{Zs}](\/|$)/u;
const space = /^[\t\p{Zs}]$/u;
const spaces = { ' ': '␣', '\t': '␉' };

/** A topic or a sender, cleaned: the space at the ends of its levels is shown by signs. */
export function cleanTopic(s) {
  if (!outerSpace.test(s)) return clean(s);
  const signs = (run) => Array.from(run, (c) => spaces[c] ?? code(c)).join('');
  return clean(s.split('/').map((level) => {
    let start = 0, end = level.length;
    while (start < end && space.test(level[start])) start++;
    while (end > start && space.test(level[end - 1])) end--;
    return signs(level.slice(0, start)) + level.slice(start, end) + signs(level.slice(end));
  }).join('/'));
}

/** A cleaned text of at most most characters, without its middle: names differ at their ends. */
export function shorten(s, most) {
  const c = Array.from(s);
  if (c.length <= most) return c.join('');
  const head = Math.ceil((most - 1) / 3);
  return c.slice(0, head).join('') + '…' + c.slice(head + 1 - most).join('');
}

/** Cleans line by line, for text that is shown as a block. */
export const cleanLines = (s) => s.split(/\r?\n/).map(clean).join('\n');

const root = 'hello_world/';

/** A topic, or a sender that is one, without the first level if it is the one that all have. */
export const plainName = (name) => cleanTopic(name.startsWith(root) && name.length > root.length ? name.slice(root.length) : name);
