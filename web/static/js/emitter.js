/** Emitter calls the listeners of an event. */
export class Emitter {
  #listeners = new Map();

  /** Adds a listener, and returns what removes it. @param {string} event @param {(value: any) => void} listener @returns {() => void} */
  on(event, listener) {
    if (!this.#listeners.has(event)) this.#listeners.set(event, new Set());
    this.#listeners.get(event).add(listener);
    return () => this.#listeners.get(event).delete(listener);
  }

  /** @param {string} event @param {any} [value] */
  emit(event, value) {
    for (const listener of [...this.#listeners.get(event) ?? []]) listener(value);
  }
}
