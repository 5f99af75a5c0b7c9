// Light or dark: the system's, until the user chooses.

const key = 'hellox.theme';
const system = matchMedia('(prefers-color-scheme: dark)');

function apply() {
  document.documentElement.dataset.theme = localStorage.getItem(key) ?? (system.matches ? 'dark' : 'light');
}

/** Applies the theme and follows the system's. */
export function startTheme() {
  system.addEventListener('change', apply);
  apply();
}

/** Switches the theme and stores the choice; at the system's own, removes it. */
export function toggleTheme() {
  const next = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark';
  if (next === (system.matches ? 'dark' : 'light')) localStorage.removeItem(key);
  else localStorage.setItem(key, next);
  apply();
}
