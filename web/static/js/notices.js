// Notifications of the browser when a sender falls silent or messages are missing,
// while the person looks elsewhere. Off until they are asked for.

import { cleanTopic } from './clean.js';
import { count } from './format.js';

const key = 'hellox.notify';
const between = 10_000; // ms between two of one kind
const troubles = new Set(['silent', 'lost']);

export class Notices {
  #shown = new Map(); // by kind: when
  #states = new Map(); // of senders

  /** @param {() => void} pressed  called when a notification is pressed */
  constructor(pressed) { this.pressed = pressed; }

  /** Whether the browser refuses them, or has none at this address. */
  get refused() { return !('Notification' in globalThis) || Notification.permission === 'denied'; }

  get on() { return !this.refused && Notification.permission === 'granted' && localStorage.getItem(key) === 'on'; }

  /** Turns them on, for which the browser may ask the person, or off. */
  async toggle() {
    if (this.on) {
      localStorage.removeItem(key);
      return;
    }
    if (!this.refused && (await Notification.requestPermission()) === 'granted') localStorage.setItem(key, 'on');
  }

  /** A sender's state is another one. */
  state(sender, state) {
    const before = this.#states.get(sender);
    this.#states.set(sender, state);
    if (before !== state && troubles.has(state)) this.#show(state, `${cleanTopic(sender)} ${state === 'lost' ? 'lost its connection' : 'fell silent'}`);
  }

  /** Messages of a sender are missing. */
  gap(sender, missed) { this.#show('missed', `${cleanTopic(sender)}: ${count(missed)} missed`); }

  #show(kind, words) {
    const now = Date.now();
    if (!this.on || document.hasFocus() || now - (this.#shown.get(kind) ?? 0) < between) return;
    this.#shown.set(kind, now);
    const notification = new Notification(words, { tag: 'hellox ' + kind, body: document.title, icon: '/static/icon.svg' });
    notification.onclick = () => { this.pressed(); notification.close(); };
  }
}
