// Listens for the keys of commands.js, and fills the help with them.

import { dialogHeader, el } from './dom.js';
import { terms } from './terms.js';

/**
 * @typedef {object} Key
 * @property {string[]} keys  as KeyboardEvent.key has them
 * @property {string} shown
 * @property {string} words
 * @property {boolean} [row]  it does something with the selected message
 * @property {(e?: KeyboardEvent) => void} run
 */

/** Listens for keys outside of input fields. @param {Key[]} keys */
export function bindKeys(keys) {
  const by = new Map(keys.flatMap((k) => k.keys.map((name) => [name, k])));
  addEventListener('keydown', (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || document.querySelector('dialog[open]')) return;
    const target = /** @type {HTMLElement} */ (e.target);
    if (target.matches('input, select, textarea')) return;
    if (target.matches('button') && (e.key === 'Enter' || e.key === ' ')) return;
    const key = by.get(e.key);
    if (!key) return;
    e.preventDefault();
    key.run(e);
  });
}

/** Fills the help dialog. @param {HTMLDialogElement} dialog @param {Key[]} keys */
export function fillHelp(dialog, keys) {
  const named = [['@NAME', 'stands alone: the filter of that name, of those that this browser keeps'], ['ctrl+s', 'in the filter box, or "keep" beside it: keeps the filter under a name'],
    ['shift+enter', 'in the filter box: searches and hides nothing; n and N go on']];
  const list = (rows, kind) => el('dl.' + kind, {}, ...rows.flatMap(([a, b]) => [el('dt', {}, kind === 'keys' ? el('kbd', {}, a) : el('code', {}, a)), el('dd', {}, b)]));
  dialog.append(
    dialogHeader(dialog, 'keys and filters'),
    list(keys.map((k) => [k.shown, k.words]), 'keys'),
    el('p.keys', {}, 'The terminal alone has q (here the tab is closed), m (text can be selected here as it is), = (hellox scale N sets the number of broadcasters) and * (here a search finds a sender, and trouble is first). In the lists of senders and topics M leaves out.'),
    el('h2', {}, 'filter'), list([...terms.map((t) => [t.Example, t.Description]), ...named], 'terms'),
    el('h2', {}, 'for scripts'),
    el('p', {}, 'The same stream as JSON: ', ...['/api/messages', '/api/events', '/api/openapi.json'].flatMap((p) => [el('a', { href: p, target: '_blank', rel: 'noopener' }, p), '  '])));
  dialog.addEventListener('click', (e) => { if (e.target === dialog) dialog.close(); });
}
