// JSON in the detail: lines that fold, one of which is chosen.

import { attribute, el } from './dom.js';
import { Emitter } from './emitter.js';

const chunk = 100; // lines that the browser lays out together, once they are in sight

/** Emits "choose" (a Line) and "name" (a Line whose name was pressed). */
export class JSONTree extends Emitter {
  #lines = [];
  #folded = new Set(); // indexes of lines
  #chosen = -1;

  constructor() {
    super();
    this.node = el('div.tree', { role: 'tree', tabindex: 0, 'aria-label': 'payload' });
    this.node.addEventListener('click', (e) => this.#press(e));
    this.node.addEventListener('keydown', (e) => this.#key(e));
  }

  /**
   * Shows lines; of the last one not more than so many characters.
   * @param {import('./jsontext.js').Line[]} lines @param {number} characters
   */
  show(lines, characters) {
    this.#lines = lines;
    this.#folded.clear();
    this.#chosen = -1;
    attribute(this.node, 'aria-activedescendant', null);
    const chunks = [];
    for (let from = 0; from < lines.length; from += chunk) {
      const node = el('div.chunk', { role: 'none' });
      for (let i = from; i < Math.min(from + chunk, lines.length); i++) {
        node.append(this.#line(i, i === lines.length - 1 ? lines[i].text.slice(0, characters) : lines[i].text));
      }
      chunks.push(node);
    }
    this.node.replaceChildren(...chunks);
  }

  #line(i, text) {
    const line = this.#lines[i], { depth, end } = line;
    const node = document.createElement('div');
    node.className = 'line';
    node.id = 'line-' + i;
    node.setAttribute('role', 'treeitem');
    node.setAttribute('aria-level', String(depth + 1));
    node.style.setProperty('--depth', String(Math.min(depth, 32)));
    if (end > i) node.setAttribute('aria-expanded', 'true');
    const name = typeof line.path?.key === 'string' ? /^ *"(?:[^"\\]|\\.)*"(?=: )/.exec(text)?.[0] : null;
    const rest = i < this.#lines.length - 1 ? '\n' : '';
    if (!name) {
      node.append(text + rest);
      return node;
    }
    const bare = name.trimStart(), words = document.createElement('span');
    words.className = 'name';
    words.title = 'press to copy the path';
    words.append(bare);
    node.append(' '.repeat(name.length - bare.length), words, text.slice(name.length) + rest);
    return node;
  }

  #node(i) { return this.node.children[Math.floor(i / chunk)]?.children[i % chunk]; }

  #press(e) {
    const node = e.target.closest('.line');
    if (!node || getSelection()?.type === 'Range') return; // text is being chosen
    const i = Number(node.id.slice('line-'.length));
    if (e.target.matches('.name')) this.emit('name', this.#lines[i]);
    else if (this.#lines[i].end > i) this.#fold(i, !this.#folded.has(i));
    this.choose(i);
  }

  #key(e) {
    const i = this.#chosen, line = this.#lines[i];
    const go = {
      ArrowDown: () => this.#step(i, 1),
      ArrowUp: () => this.#step(i < 0 ? 1 : i, -1),
      Home: () => 0,
      End: () => this.#step(this.#lines.length, -1),
      ArrowRight: () => {
        if (this.#folded.has(i)) this.#fold(i, false);
        else if (line?.end > i) return this.#step(i, 1);
        return i;
      },
      ArrowLeft: () => {
        if (!line) return i;
        if (line.end > i && !this.#folded.has(i)) {
          this.#fold(i, true);
          return i;
        }
        for (let up = i - 1; up >= 0; up--) if (this.#lines[up].end > i || this.#lines[up].end === i) return up;
        return i;
      },
    }[e.key];
    if (!go || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    e.stopPropagation();
    this.choose(go());
  }

  /** The next line in a direction that is not folded away. */
  #step(i, by) {
    for (let at = i + by; at >= 0 && at < this.#lines.length; at += by) if (!this.#node(at).hidden) return at;
    return i;
  }

  /** Chooses a line. @param {number} i */
  choose(i) {
    const node = this.#node(i);
    if (!node) return;
    const before = this.#node(this.#chosen);
    if (before) attribute(before, 'aria-selected', null);
    this.#chosen = i;
    attribute(node, 'aria-selected', true);
    attribute(this.node, 'aria-activedescendant', node.id);
    node.scrollIntoView({ block: 'nearest' });
    this.emit('choose', this.#lines[i]);
  }

  #fold(i, folded) {
    if (folded) this.#folded.add(i);
    else this.#folded.delete(i);
    const node = this.#node(i), end = this.#lines[i].end;
    attribute(node, 'aria-expanded', String(!folded));
    attribute(node, 'data-lines', folded ? (end === Infinity ? '' : `${end - i} lines`) : null);
    for (let at = i + 1; at <= Math.min(end, this.#lines.length - 1); at++) {
      this.#node(at).hidden = folded;
      if (!folded && this.#folded.has(at)) at = this.#lines[at].end;
    }
  }
}
