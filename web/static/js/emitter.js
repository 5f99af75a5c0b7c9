/** Emitter calls the listeners of an event. */
export class Emitter {
  #listeners = new Map();

  /** @param {string} event @param {(value: any) => void} listener */
  on(event, listener) {
    if (!this.#listeners.has(event)) this.#listeners.set(event, []);
    this.#listeners.get(event).push(listener);
  }

  /** @param {string} event @param {any} [value] */
  emit(event, value) {
    for (const listener of this.#listeners.get(event) ?? []) listener(value);
  }
}
