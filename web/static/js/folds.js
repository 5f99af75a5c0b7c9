// Panels fold away, and remember it.

/** @param {string} name of the panel; the class "no-NAME" on the body hides it */
export function fold(name) {
  const key = 'hellox.folded.' + name;
  const apply = (folded) => document.body.classList.toggle('no-' + name, folded);
  apply(localStorage.getItem(key) === 'yes');
  return () => {
    const folded = !document.body.classList.contains('no-' + name);
    if (folded) localStorage.setItem(key, 'yes');
    else localStorage.removeItem(key);
    apply(folded);
  };
}
