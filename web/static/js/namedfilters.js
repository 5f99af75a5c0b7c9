// Filters that the user has given a name; the browser remembers them.

const key = 'hellox.filters';

/** @returns {{name: string, filter: string}[]} by name */
export function namedFilters() {
  try {
    const kept = JSON.parse(localStorage.getItem(key) ?? '[]');
    return kept.filter((k) => typeof k?.name === 'string' && typeof k.filter === 'string');
  } catch {
    return [];
  }
}

/** Keeps a filter under a name, in the place of another one of that name. */
export const keepFilter = (name, filter) =>
  store([...namedFilters().filter((k) => k.name !== name), { name, filter }].sort((a, b) => (a.name < b.name ? -1 : 1)));

export const forgetFilter = (name) => store(namedFilters().filter((k) => k.name !== name));

const store = (kept) => localStorage.setItem(key, JSON.stringify(kept));
