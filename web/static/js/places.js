// A telephone shows one part at a time: the stream, or one of the left panel.

import { attribute, el } from './dom.js';

/**
 * @param {HTMLElement} root
 * @param {string[]} panels  of the left panel
 * @param {(panel: string) => void} show  shows one of them
 */
export function places(root, panels, show) {
  const go = (name) => {
    document.body.classList.toggle('with-panel', name !== 'stream');
    for (const button of root.children) attribute(button, 'aria-current', button.textContent === name ? 'true' : null);
    if (name !== 'stream') show(name);
  };
  root.append(...['stream', ...panels].map((name) => el('button', { type: 'button', onclick: () => go(name) }, name)));
  go('stream');
}
