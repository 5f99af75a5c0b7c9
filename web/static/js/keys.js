// The keys: the terminal's. Each is defined once, with its words for the help.

import { el } from './dom.js';

/**
 * @typedef {object} Key
 * @property {string[]} keys  as KeyboardEvent.key has them
 * @property {string} shown
 * @property {string} words
 * @property {() => void} run
 */

/** Listens for keys outside of fields. @param {Key[]} keys */
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
    key.run();
  });
}

const terms = [
  ['word, "two words"', 'it occurs in topic, sender or payload'],
  ['sender:press-*  topic:hello_world/+', 'a pattern; an MQTT topic filter'],
  ['text:hello  payload:hello', 'it occurs in it'],
  ['text:~^err\\d', 'the regular expression matches'],
  ['delta>10s  latency>=50ms  size>1KiB  age<5m  seq<100  qos=1', 'compares'],
  ['payload.temp>=30  payload.items[0].id=7', 'the payload is JSON, and the value there compares so'],
  ['is:retained  is:missed  is:reordered  is:ours', 'as named'],
  ['a b · a or b · not a, -a · ( )', 'and, or, not'],
];

/** Fills the help. @param {HTMLDialogElement} dialog @param {Key[]} keys */
export function fillHelp(dialog, keys) {
  const list = (rows, kind) => el('dl.' + kind, {}, ...rows.flatMap(([a, b]) => [el('dt', {}, kind === 'keys' ? el('kbd', {}, a) : el('code', {}, a)), el('dd', {}, b)]));
  dialog.append(
    el('header', {}, el('h2', {}, 'keys'), el('button.quiet', { type: 'button', 'aria-label': 'close', onclick: () => dialog.close() }, '×')),
    list(keys.filter((k) => k.words).map((k) => [k.shown, k.words]), 'keys'),
    el('h2', {}, 'filter'), list(terms, 'terms'),
    el('h2', {}, 'for scripts'),
    el('p', {}, 'The same stream as JSON: ', ...['/api/messages', '/api/events', '/api/openapi.json'].flatMap((p) => [el('a', { href: p, target: '_blank', rel: 'noopener' }, p), '  '])));
  dialog.addEventListener('click', (e) => { if (e.target === dialog) dialog.close(); });
}
