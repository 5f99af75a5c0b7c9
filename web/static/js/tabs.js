// Tabs, used with the arrow keys as well.

import { attribute, el } from './dom.js';

/**
 * @param {string} label of the whole
 * @param {{name: string, label: string, title?: string, panel: HTMLElement}[]} tabs
 * @param {(name: string) => void} choose  called when the user chooses one
 * @returns {{node: HTMLElement, show: (name: string, enabled?: (name: string) => boolean) => void}}
 */
export function tabList(label, tabs, choose) {
  const buttons = tabs.map(({ name, label: words, title, panel }) =>
    el('button', { type: 'button', role: 'tab', 'data-tab': name, title, 'aria-controls': panel.id, onclick: () => choose(name) }, words));
  const node = el('div.tabs', { role: 'tablist', 'aria-label': label }, ...buttons);
  node.addEventListener('keydown', (e) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (!step) return;
    e.preventDefault();
    e.stopPropagation();
    const open = buttons.filter((b) => !b.disabled);
    const next = open[(open.indexOf(document.activeElement) + step + open.length) % open.length];
    next.focus();
    choose(next.dataset.tab);
  });
  const show = (name, enabled = () => true) => buttons.forEach((button) => {
    const chosen = button.dataset.tab === name;
    attribute(button, 'aria-selected', chosen);
    attribute(button, 'tabindex', chosen ? 0 : -1);
    button.disabled = !enabled(button.dataset.tab);
  });
  return { node, show };
}
