// Light or dark: the system's, until the reader chooses.

const key = 'hellox.theme';
const system = matchMedia('(prefers-color-scheme: dark)');

function apply() {
  document.documentElement.dataset.theme = localStorage.getItem(key) ?? (system.matches ? 'dark' : 'light');
}

/** Begins to follow the system. */
export function startTheme() {
  system.addEventListener('change', apply);
  apply();
}

/** Changes to the other one, and remembers it; back at the system's own, forgets. */
export function toggleTheme() {
  const next = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark';
  if (next === (system.matches ? 'dark' : 'light')) localStorage.removeItem(key);
  else localStorage.setItem(key, next);
  apply();
}
