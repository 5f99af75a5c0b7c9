// JSON as it was sent, safe to show, by the rules of stream/jsonview: digits,
// order and names given twice stay, texts are shown without escapes. A test
// compares the two.

import { bare, clean, isMark, isSelector, maxMarks } from './clean.js';
import { escapeLength, Scanner } from './jsonscan.js';

const maxIndent = 32;
const plain = /^[ !#-[\]-~]*$/; // shown as it is
const short = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };
const almostNumber = /^[+-]?([0-9]*[.,]?[0-9]+|[0-9]+[.,]|nan|inf|infinity)(e[+-]?[0-9]*)?$/i;

/**
 * Indents JSON.
 * @param {string} source
 * @returns {{text: string}|{problem: string}} or why it is not JSON
 */
export function indent(source) {
  const s = new Scanner(source), out = [];
  const line = (depth) => out.push('\n' + '  '.repeat(Math.min(depth, maxIndent)));
  for (let opened = false; ;) {
    const t = s.next();
    if (t === '') return { problem: s.problem };
    if (t === 'end') return { text: out.join('') };
    const opens = t === '[' || t === '{';
    if (t === ']' || t === '}') {
      if (!opened) line(s.depth);
    } else if (opened) {
      line(opens ? s.depth - 1 : s.depth);
    }
    opened = opens;
    if (t === ',') {
      out.push(',');
      line(s.depth);
    } else if (t === ':') {
      out.push(': ');
    } else {
      out.push(t === 'text' || t === 'name' ? textOf(s.token) : s.token);
    }
  }
}

/** A JSON string, in its quotes, without the escapes that it does not need to be seen. */
export function textOf(token) {
  const source = token.slice(1, -1);
  if (plain.test(source)) return token;
  let out = '"', base = false, sitting = 0, selector = false, excess = false;
  for (let at = 0; at < source.length;) {
    const { c, length } = decode(source, at), written = source.slice(at, at + length);
    at += length;
    if (isMark(c)) {
      const selects = isSelector(c);
      if (!base || excess || sitting === maxMarks || (selects && selector)) {
        excess = true;
        out += escaped(c, written);
        continue;
      }
      sitting++;
      selector ||= selects;
      out += c;
      continue;
    }
    base = inText(c);
    sitting = 0;
    selector = excess = false;
    out += base ? c : escaped(c, written);
  }
  return out + '"';
}

/** The text that a JSON string stands for. */
export function textValue(token) {
  let out = '';
  for (let at = 1; at < token.length - 1;) {
    const { c, length } = decode(token, at);
    out += c;
    at += length;
  }
  return out;
}

/** The character at that place in a string, which may be half a pair, and the length of its source. */
function decode(s, at) {
  const length = escapeLength(s, at);
  if (length === 2) return { c: short[s[at + 1]] ?? s[at + 1], length };
  if (length === 0) {
    const c = String.fromCodePoint(s.codePointAt(at));
    return { c, length: c.length };
  }
  const unit = (from) => Number.parseInt(s.slice(from + 2, from + 6), 16);
  const high = unit(at);
  if (high >= 0xd800 && high < 0xdc00 && escapeLength(s, at + 6) === 6) {
    const low = unit(at + 6);
    if (low >= 0xdc00 && low < 0xe000) return { c: String.fromCharCode(high, low), length: 12 };
  }
  return { c: String.fromCharCode(high), length };
}

/** Whether c is shown as itself in a text, not as an escape. */
const inText = (c) => c !== '"' && c !== '\\' && bare(c);

/** c as an escape: the one that it came as, if it came as one. */
const escaped = (c, written) => (written[0] === '\\' ? written : Array.from({ length: c.length }, (_, i) => '\\u' + c.charCodeAt(i).toString(16).padStart(4, '0')).join(''));

/** A payload, or the beginning of one, on one line: the texts in JSON without escapes. */
export function oneLine(payload) {
  if (!payload.includes('\\') || !/^[ \t\r\n]*[[{"]/.test(payload)) return clean(payload);
  let out = '', inString = false;
  for (let at = 0; at < payload.length;) {
    if (inString && payload[at] === '\\') {
      const { c, length } = decode(payload, at);
      out += inText(c) ? c : payload.slice(at, at + length);
      at += length;
    } else {
      inString = inString !== (payload[at] === '"');
      out += payload[at++];
    }
  }
  return clean(out);
}

/** Whether a payload may be meant as JSON: it begins so, or is almost a number. */
export function looksLikeJSON(payload) {
  const head = payload.slice(0, 101).replace(/^\ufeff/, '').replace(/^[ \t\r\n\0]+/, '');
  return /^[[{"]/.test(head) || (payload.length <= 100 && almostNumber.test(head.replace(/[ \t\r\n\0]+$/, '')));
}
