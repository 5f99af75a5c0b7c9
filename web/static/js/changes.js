// The differences between a message and the sender's previous one.

import { clean } from './clean.js';
import { payloadJSON, payloadSize, payloadText } from './payload.js';
import { bytes } from './format.js';

/**
 * @returns {{sign: '+'|'−'|'~'|'=', text: string}[]} one line for each difference
 */
export function changes(before, now) {
  const a = payloadJSON(before), b = payloadJSON(now);
  if (a !== undefined && b !== undefined) return ofJSON(a, b);
  const s = payloadText(before), t = payloadText(now);
  if (s != null && t != null) return ofText(s, t);
  return before.payload_base64 === now.payload_base64 ? same() : [{ sign: '~', text: `${bytes(payloadSize(before))} → ${bytes(payloadSize(now))}` }];
}

const same = () => [{ sign: '=', text: 'the same payload' }];

function ofJSON(a, b) {
  const was = leaves(a), is = leaves(b), lines = [];
  for (const [path, value] of is) {
    if (!was.has(path)) lines.push({ sign: '+', text: `${clean(path)} ${show(value)}` });
    else if (was.get(path) !== value) lines.push({ sign: '~', text: `${clean(path)} ${show(was.get(path))} → ${show(value)}${by(was.get(path), value)}` });
  }
  for (const [path, value] of was) if (!is.has(path)) lines.push({ sign: '−', text: `${clean(path)} ${show(value)}` });
  return lines.length ? lines : same();
}

/** Every scalar value by its path, written as in the filter language. */
function leaves(value, path = '', into = new Map()) {
  if (value === null || typeof value !== 'object') into.set(path || '(all)', value);
  else if (Array.isArray(value)) value.forEach((v, i) => leaves(v, `${path}[${i}]`, into));
  else for (const [k, v] of Object.entries(value)) leaves(v, path ? `${path}.${k}` : k, into);
  return into;
}

const show = (v) => (typeof v === 'string' ? `"${clean(v.slice(0, 200))}"` : String(v));

function by(a, b) {
  if (typeof a !== 'number' || typeof b !== 'number') return '';
  const d = Number((b - a).toPrecision(12));
  return ` (${d > 0 ? '+' : '−'}${Math.abs(d)})`;
}

function ofText(s, t) {
  if (s === t) return same();
  let start = 0, end = 0;
  while (start < s.length && s[start] === t[start]) start++;
  while (end < s.length - start && end < t.length - start && s.at(-1 - end) === t.at(-1 - end)) end++;
  const lines = [];
  const gone = s.slice(start, s.length - end), came = t.slice(start, t.length - end);
  if (gone) lines.push({ sign: '−', text: `at ${start + 1}: ${show(gone)}` });
  if (came) lines.push({ sign: '+', text: `at ${start + 1}: ${show(came)}` });
  return lines;
}
