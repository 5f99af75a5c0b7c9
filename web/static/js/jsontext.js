// Indented JSON with every string cleaned.

import { clean } from './clean.js';

/** @param {any} value @returns {string} */
export function jsonText(value, indent = '') {
  if (Array.isArray(value)) return block('[', ']', value.map((v) => jsonText(v, indent + '  ')), indent);
  if (value !== null && typeof value === 'object') {
    return block('{', '}', Object.entries(value).map(([k, v]) => `${quote(k)}: ${jsonText(v, indent + '  ')}`), indent);
  }
  return typeof value === 'string' ? quote(value) : JSON.stringify(value);
}

const quote = (s) => '"' + clean(s) + '"';

function block(open, close, items, indent) {
  if (!items.length) return open + close;
  return `${open}\n${items.map((i) => `${indent}  ${i}`).join(',\n')}\n${indent}${close}`;
}
