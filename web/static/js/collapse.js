// Panels that can be hidden; the browser remembers which are.

/**
 * Restores whether a panel is hidden.
 * @param {string} name of the panel; the class "no-NAME" on the body hides it
 * @returns {() => void} hides the panel, or shows it again
 */
export function collapsible(name) {
  const key = 'hellox.folded.' + name;
  const apply = (hidden) => document.body.classList.toggle('no-' + name, hidden);
  apply(localStorage.getItem(key) === 'yes');
  return () => {
    const hidden = !document.body.classList.contains('no-' + name);
    if (hidden) localStorage.setItem(key, 'yes');
    else localStorage.removeItem(key);
    apply(hidden);
  };
}
