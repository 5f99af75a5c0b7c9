// The differences between a message and the sender's previous one.

import { clean } from './clean.js';
import { pathText } from './jsonpath.js';
import { Scanner } from './jsonscan.js';
import { textOf, textValue } from './jsontext.js';
import { payloadSize, payloadText } from './payload.js';
import { bytes, count } from './format.js';
import { difference } from './decimal.js';

const maxLines = 1000;
const maxValue = 200; // characters

/**
 * @returns {{sign: '+'|'−'|'~'|'='|'…', text: string}[]} one line for each difference
 */
export function changes(before, now) {
  const s = payloadText(before), t = payloadText(now);
  if (s === t && before.payload_base64 === now.payload_base64) return [{ sign: '=', text: 'the same payload' }];
  if (s == null || t == null) return [{ sign: '~', text: `${bytes(payloadSize(before))} → ${bytes(payloadSize(now))}` }];
  const a = tree(s), b = tree(t);
  return a && b ? ofJSON(a, b) : ofText(s, t);
}

/**
 * @typedef {object} Node  a value, by its source: nothing is parsed into numbers
 * @property {string} source  of a text, a number, true, false or null; else its bracket
 * @property {Node[]|null} values  of an object or array
 * @property {string[]} names  of an object
 */

/** The values of JSON, or null. @returns {Node|null} */
function tree(source) {
  const s = new Scanner(source), root = { source: '', values: [], names: [] }, stack = [root];
  for (;;) {
    const t = s.next(), top = stack.at(-1);
    if (t === '') return null;
    if (t === 'end') return root.values[0];
    if (t === '[' || t === '{') {
      const node = { source: t, values: [], names: [] };
      top.values.push(node);
      stack.push(node);
    } else if (t === ']' || t === '}') {
      stack.pop();
    } else if (t === 'name') {
      top.names.push(textValue(s.token));
    } else if (t === 'text' || t === 'scalar') {
      top.values.push({ source: s.token, values: null, names: [] });
    }
  }
}

const isLeaf = (node) => !node.values?.length;

/** Compares value by value. Of a name given twice each is compared with the one in the same place. */
function ofJSON(before, now) {
  const lines = [], gone = [];
  let beyond = 0;
  const tell = (list, sign, path, text) => {
    if (lines.length + gone.length < maxLines) list.push({ sign, text: `${pathText(path)} ${text()}` });
    else beyond++;
  };
  const stack = [{ a: before, b: now, path: null }];
  while (stack.length) {
    const { a, b, path } = stack.pop();
    if (a && b && isLeaf(a) && isLeaf(b)) {
      if (!same(a, b)) tell(lines, '~', path, () => pair(show(a), show(b)) + by(a.source, b.source));
    } else if (a && b && a.source === b.source && !isLeaf(a) && !isLeaf(b)) {
      for (const child of children(a, b, path).reverse()) stack.push(child);
    } else {
      for (const leaf of leaves(b, path)) tell(lines, '+', leaf.path, () => cut(show(leaf.node)));
      for (const leaf of leaves(a, path)) tell(gone, '−', leaf.path, () => cut(show(leaf.node)));
    }
  }
  lines.push(...gone);
  if (beyond) lines.push({ sign: '…', text: `${count(beyond)} more` });
  return lines.length ? lines : [{ sign: '=', text: 'the same values, written differently' }];
}

/** Whether two leaves are the same: texts by what they say, all else by the source. */
function same(a, b) {
  if (a.source === b.source) return true;
  return a.source[0] === '"' && b.source[0] === '"' && textValue(a.source) === textValue(b.source);
}

/** The values of two arrays, or two objects, in pairs: those of b in order, then those that only a has. */
function children(a, b, path) {
  const array = b.source === '[';
  const all = [], left = new Map(); // places in a by name, first last
  a.values.forEach((_, i) => {
    const key = array ? i : a.names[i];
    if (left.has(key)) left.get(key).push(i);
    else left.set(key, [i]);
  });
  for (const places of left.values()) places.reverse();
  b.values.forEach((value, i) => {
    const key = array ? i : b.names[i], place = left.get(key)?.pop();
    all.push({ a: place === undefined ? null : a.values[place], b: value, path: { parent: path, key } });
  });
  for (const [key, places] of left) {
    for (const place of places.reverse()) all.push({ a: a.values[place], b: null, path: { parent: path, key } });
  }
  return all;
}

/** The leaves of a value, in order. */
function leaves(node, path) {
  const all = [], stack = node ? [{ node, path }] : [];
  while (stack.length) {
    const top = stack.pop();
    if (isLeaf(top.node)) {
      all.push(top);
      continue;
    }
    const array = top.node.source === '[';
    for (let i = top.node.values.length - 1; i >= 0; i--) {
      stack.push({ node: top.node.values[i], path: { parent: top.path, key: array ? i : top.node.names[i] } });
    }
  }
  return all;
}

/** A leaf as it is shown. */
function show(node) {
  if (node.values) return node.source === '[' ? '[]' : '{}';
  return node.source[0] === '"' ? textOf(node.source) : node.source;
}

const cut = (s) => (s.length > maxValue ? s.slice(0, maxValue) + '…' : s);

/** Two values, of long ones what is around the first difference. */
function pair(s, t) {
  if (s.length <= maxValue && t.length <= maxValue) return `${s} → ${t}`;
  const from = Math.max(0, commonStart(s, t) - maxValue / 4);
  const part = (v) => (from ? '…' : '') + cut(v.slice(from));
  return `${part(s)} → ${part(t)}`;
}

/** How much a number has changed, exactly. */
function by(a, b) {
  const d = difference(a, b);
  if (d === null) return '';
  if (d === '0') return ' (the same number)';
  return d[0] === '-' ? ` (−${d.slice(1)})` : ` (+${d})`;
}

/** The length of what both begin with, in whole characters. */
function commonStart(s, t) {
  let n = 0;
  while (n < s.length && s[n] === t[n]) n++;
  return isLow(s, n) || isLow(t, n) ? n - 1 : n;
}

/** Whether the second half of a pair stands at that place. */
const isLow = (s, at) => /^[\udc00-\udfff]$/.test(s[at] ?? '') && /^[\ud800-\udbff]$/.test(s[at - 1] ?? '');

function ofText(s, t) {
  const start = commonStart(s, t);
  let end = 0;
  while (end < s.length - start && end < t.length - start && s.at(-1 - end) === t.at(-1 - end)) end++;
  if (end > 0 && (isLow(s, s.length - end) || isLow(t, t.length - end))) end--;
  const at = Array.from(s.slice(0, start)).length + 1;
  const text = (v) => `at ${at}: "${clean(cut(v))}"`;
  const lines = [];
  const gone = s.slice(start, s.length - end), came = t.slice(start, t.length - end);
  if (gone) lines.push({ sign: '−', text: text(gone) });
  if (came) lines.push({ sign: '+', text: text(came) });
  return lines;
}
