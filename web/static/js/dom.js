// Builds elements from text nodes only. Nothing from the network is ever markup.

const svgNamespace = 'http://www.w3.org/2000/svg';

/**
 * Makes an element.
 * @param {string} kind  tag and classes: "button.quiet.small"
 * @param {Record<string, any>} [props]  attributes; "on…" are listeners
 * @param {...(Node|string|null|undefined)} children  strings become text
 * @returns {HTMLElement}
 */
export function el(kind, props = {}, ...children) {
  const [tag, ...classes] = kind.split('.');
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(' ');
  set(node, props);
  node.append(...children.filter((c) => c != null));
  return node;
}

/**
 * Makes an SVG element.
 * @param {string} tag
 * @param {Record<string, any>} [props]
 * @param {...Node} children
 * @returns {SVGElement}
 */
export function svg(tag, props = {}, ...children) {
  const node = document.createElementNS(svgNamespace, tag);
  set(node, props);
  node.append(...children);
  return node;
}

/** @param {Element} node @param {Record<string, any>} props */
function set(node, props) {
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, '');
    else if (value !== false && value != null) node.setAttribute(name, String(value));
  }
}

/** Sets a node's text if it differs: unchanged text causes no layout. */
export function text(node, value) {
  if (node.textContent !== value) node.textContent = value;
}

/** Sets or removes an attribute if it differs. */
export function attribute(node, name, value) {
  if (value == null || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) {
    node.setAttribute(name, String(value));
  }
}

/** The first line of a dialog: its title, and a button that closes it. @param {HTMLDialogElement} dialog @param {string} title */
export const dialogHeader = (dialog, title) => el('header', {}, el('h2', {}, title),
  el('button.quiet', { type: 'button', 'aria-label': 'close', onclick: () => dialog.close() }, '×'));
