// Paths into JSON, as the filter language has them: payload.params."switch:0".apower

import { clean, shorten } from './clean.js';
import { quoted } from './filterterms.js';
import { textValue } from './jsontext.js';
import { limits } from './limits.js';

const maxShown = 300; // characters

/** @typedef {{parent: Path|null, key: string|number}} Path  a name, or a place in an array; null: the whole payload */

/** The names and places of a path, the outermost first. @param {Path|null} path */
function keysOf(path) {
  const keys = [];
  for (let p = path; p; p = p.parent) keys.push(p.key);
  return keys.reverse();
}

const join = (keys) => 'payload' + keys.map((key) => (typeof key === 'number' ? `[${key}]` : '.' + nameText(key))).join('');

/** A path, exactly. @param {Path|null} path */
export const exactPath = (path) => join(keysOf(path));

/** A path, safe and short enough to show. @param {Path|null} path */
export function pathText(path) {
  const keys = keysOf(path);
  if (keys.length > 2 * maxShown) keys.splice(maxShown, keys.length - 2 * maxShown); // shorten leaves out the middle
  return shorten(clean(join(keys)), maxShown);
}

const nameText = (name) => (/^[^\s\u0085.[\]()"=!<>:]+$/.test(name) ? name : quoted(name));

/**
 * The term that matches payloads with this value at that path; '' if there is none: the
 * language has no empty names, nor texts that are the whole payload.
 * @param {Path|null} path @param {string} source  of the value
 */
export function valueTerm(path, source) {
  const keys = keysOf(path);
  if (keys.includes('') || (!keys.length && source[0] === '"') || source.length > limits.filter_bytes) return '';
  const term = `${exactPath(path)}=${source[0] === '"' ? quoted(textValue(source)) : source}`;
  return new TextEncoder().encode(term).length <= limits.filter_bytes / 2 ? term : '';
}

/** The number at a path of a payload in JSON, or null. @param {string} payload @param {Path|null} path */
export function numberAt(payload, path) {
  let value;
  try {
    value = JSON.parse(payload);
  } catch {
    return null;
  }
  for (const key of keysOf(path)) {
    if (value == null || typeof value !== 'object' || !Object.hasOwn(value, key)) return null;
    value = value[key];
  }
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}
