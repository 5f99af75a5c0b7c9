// The tabs of the left panel: senders, topics, charts.

import { tabList } from './tabs.js';

/**
 * @param {HTMLElement} root  the tabs become its first child
 * @param {{name: string, panel: HTMLElement}[]} tabs
 * @param {(name: string) => void} shown  called when one is shown
 * @returns {(name: string) => void} shows a tab
 */
export function sideTabs(root, tabs, shown) {
  const list = tabList('left panel', tabs.map(({ name, panel }) => ({ name, label: name, panel })), (name) => show(name));
  root.prepend(list.node);
  for (const { panel } of tabs) panel.setAttribute('role', 'tabpanel');
  const show = (name) => {
    for (const tab of tabs) tab.panel.hidden = tab.name !== name;
    list.show(name);
    shown(name);
  };
  show(tabs[0].name);
  return show;
}
