// Panels that can be hidden; the browser remembers which are.

/**
 * Restores whether a panel is hidden.
 * @param {string} name of the panel; the class "no-NAME" on the body hides it
 * @returns {(hidden?: boolean) => void} hides the panel or shows it; without an argument: the other way
 */
export function collapsible(name) {
  const key = 'hellox.folded.' + name, kind = 'no-' + name;
  const apply = (hidden) => document.body.classList.toggle(kind, hidden);
  apply(localStorage.getItem(key) === 'yes');
  return (hidden = !document.body.classList.contains(kind)) => {
    if (hidden) localStorage.setItem(key, 'yes');
    else localStorage.removeItem(key);
    apply(hidden);
  };
}
