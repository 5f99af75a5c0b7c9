// The tabs of the left panel: senders, topics.

import { attribute, el } from './dom.js';

/**
 * @param {HTMLElement} root  the tabs become its first child
 * @param {{name: string, panel: HTMLElement}[]} tabs
 * @returns {(name: string) => void} shows a tab
 */
export function sideTabs(root, tabs) {
  const buttons = tabs.map(({ name }) => el('button', { type: 'button', role: 'tab', onclick: () => show(name) }, name));
  root.prepend(el('div.tabs', { role: 'tablist', 'aria-label': 'left panel' }, ...buttons));
  const show = (name) => tabs.forEach((tab, i) => {
    tab.panel.hidden = tab.name !== name;
    attribute(buttons[i], 'aria-selected', tab.name === name);
  });
  show(tabs[0].name);
  return show;
}
