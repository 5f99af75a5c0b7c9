// Filters that the user has given a name; the browser remembers them. @NAME stands for
// one, as in the terminal.

import { Problem } from './api.js';

const key = 'hellox.filters';
const mostNamed = 5; // in an error

/** @returns {{name: string, filter: string}[]} by name */
export function namedFilters() {
  try {
    const kept = JSON.parse(localStorage.getItem(key) ?? '[]');
    return kept.filter((k) => typeof k?.name === 'string' && typeof k.filter === 'string');
  } catch {
    return [];
  }
}

/** A name as the terminal takes it: letters, digits, -, _ and . alone. '' if nothing is left. */
export const filterName = (typed) => typed.trim().replace(/^@/, '').replaceAll(/\s+/g, '-').replaceAll(/[^\p{L}\p{N}\p{M}._-]/gu, '');

/** The expression that an @NAME stands for; any other as it is. @param {string} filter */
export function expand(filter) {
  const name = /^@(.*)/.exec(filter.trim())?.[1], named = namedFilters();
  if (name == null) return filter;
  const found = named.find((k) => k.name === name);
  if (found) return found.filter;
  if (/\s/.test(name)) throw new Problem({ status: 400, title: '', detail: `"@" and a name stand alone: take that filter, then add terms; to look for a text that begins with "@", put quotes around it` });
  const names = named.slice(0, mostNamed).map((k) => '@' + k.name).concat(named.length > mostNamed ? '…' : []);
  throw new Problem({ status: 400, title: '', detail: `there is no filter named "${name}"${names.length ? '; there are ' + names.join(', ') : ', nor any other'}` });
}

/** Keeps a filter under a name, in the place of another one of that name. */
export const keepFilter = (name, filter) =>
  store([...namedFilters().filter((k) => k.name !== name), { name, filter }].sort((a, b) => (a.name < b.name ? -1 : 1)));

export const forgetFilter = (name) => store(namedFilters().filter((k) => k.name !== name));

const store = (kept) => localStorage.setItem(key, JSON.stringify(kept));
