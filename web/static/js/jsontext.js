// JSON as it was sent, safe to show, by the rules of stream/jsonview: digits,
// order and names given twice stay, texts are shown without escapes. A test
// compares the two.

import { bare, clean, isMark, isSelector, maxMarks } from './clean.js';
import { escapeLength, maxDepth, Scanner } from './jsonscan.js';

const maxIndent = 32;
const plain = /^[ !#-[\]-~]*$/; // shown as it is
const short = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };
const almostNumber = /^[+-]?([0-9]*[.,]?[0-9]+|[0-9]+[.,]|nan|inf|infinity)(e[+-]?[0-9]*)?$/i;

/**
 * @typedef {object} Line  one of indented JSON
 * @property {string} text  as it is shown, with its indent
 * @property {number} depth  brackets around it
 * @property {import('./jsonpath.js').Path|null} path  of the value that begins in it; null: of the whole, or a closing bracket's
 * @property {string} value  the source of a text, a number, true, false or null; else ''
 * @property {number} end  the index of the line with the closing bracket, or its own; Infinity: further than the lines go
 */

/**
 * The lines of indented JSON.
 * @param {string} source
 * @param {{lines: number, characters: number}} most  after which there are no more Lines
 * @returns {{lines: Line[], more: boolean}|{problem: string}} more: than these lines; or why it is not JSON
 */
export function linesOf(source, most = { lines: Infinity, characters: Infinity }) {
  const s = new Scanner(source), lines = [], around = []; // around: the open arrays and objects
  let line = null, count = 0, left = most.characters, opened = false, name = '', checked = false;
  const next = (depth) => {
    left -= line ? line.text.length : 0;
    line = null;
    if (count < most.lines && left > 0) {
      line = { text: '  '.repeat(Math.min(depth, maxIndent)), depth, path: null, value: '', end: count };
      lines.push(line);
    }
    count++;
  };
  const begin = (value) => {
    if (!line) return;
    const top = around.at(-1);
    if (top) line.path = { parent: top.line.path, key: top.array ? top.count++ : name };
    line.value = value;
  };
  next(0);
  for (;;) {
    const t = s.next();
    if (t === '') return { problem: s.problem };
    if (t === 'end') return { lines, more: count > lines.length };
    if (!line && !checked) {
      checked = true;
      if (isShallowJSON(source, s.at)) {
        for (const open of around) if (open.line) open.line.end = Infinity;
        return { lines, more: true };
      }
    }
    const opens = t === '[' || t === '{';
    if (t === ']' || t === '}') {
      if (!opened) next(s.depth);
      const begun = around.pop().line;
      if (begun) begun.end = count - 1;
    } else if (opened) {
      next(opens ? s.depth - 1 : s.depth);
    }
    opened = opens;
    if (opens) {
      begin('');
      around.push({ line, array: t === '[', count: 0 });
    } else if (line && t === 'name') {
      name = textValue(s.token);
    } else if (line && (t === 'text' || t === 'scalar')) {
      begin(s.token);
    }
    if (line) line.text += t === ':' ? ': ' : t === 'text' || t === 'name' ? textOf(s.token, left) : s.token;
    if (t === ',') next(s.depth);
  }
}

/** Whether the source is JSON, known without a look at each token: from a place on it has too few brackets to be nested too deep. */
function isShallowJSON(source, from) {
  let brackets = 0;
  for (let at = from; at < source.length; at++) {
    const c = source[at];
    if ((c === '[' || c === '{') && ++brackets > maxDepth / 2) return false;
  }
  try {
    JSON.parse(source);
    return true;
  } catch {
    return false; // the scanner says why
  }
}

/** A JSON string, in its quotes, without the escapes that it does not need to be seen; of one that is longer, at least most characters. */
export function textOf(token, most = Infinity) {
  const source = token.slice(1, -1);
  if (plain.test(source)) return token;
  let out = '"', base = false, sitting = 0, selector = false, excess = false;
  for (let at = 0; at < source.length && out.length <= most;) {
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
