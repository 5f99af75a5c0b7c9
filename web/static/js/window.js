// The part of the history that is loaded: consecutive messages of one selection,
// in id order.

import { Emitter } from './emitter.js';
import { get } from './api.js';
import { rowsOf } from './rows.js';

const pageSize = 500; // messages of a request
const aroundSize = 200; // of one on either side of a place that is jumped to
const maxMessages = 50_000; // loaded; beyond, the far end is dropped and read again when it is needed
const dropSize = 10_000; // messages dropped at once
const maxEmptyPages = 20; // pages of a sparse filter read without a user's action

/**
 * Emits "changed" ({kind: 'reset'|'append'|'prepend'|'trim', rows: number of
 * rows added or removed}) and "error".
 */
export class Window extends Emitter {
  /** @type {object[]} */
  messages = [];
  /** @type {import('./rows.js').Row[]} what the list shows: messages, gaps, days */
  rows = [];
  selection = { filter: '', sender: '' };
  before = 0; // older messages have ids below it; 0: there are none
  detached = false; // newer messages exist that are not loaded
  loading = false;
  loaded = false;
  searched = 0; // empty older pages in a row

  #generation = 0;

  get lastID() { return this.messages.length ? this.messages.at(-1).id : 0; }

  /** Loads the newest page of a selection; resolves to the id up to which it goes. */
  newest(selection) {
    return this.#reset(selection, async () => {
      const { messages, next } = await get('/api/messages', { ...selection, limit: pageSize });
      return { messages, before: next ?? 0, detached: false };
    });
  }

  /** Loads the oldest page of a selection. */
  oldest(selection) {
    return this.#reset(selection, async () => {
      const { messages, next } = await get('/api/messages', { ...selection, after: 0, limit: pageSize });
      return { messages, before: 0, detached: next != null };
    });
  }

  /** Whether the messages around an id are loaded. */
  holds(id) { return this.messages.length > 0 && id >= this.messages[0].id && (id <= this.lastID || !this.detached); }

  /** Loads the messages around an id; resolves to the id up to which they go. */
  around(selection, id) {
    return this.#reset(selection, async () => {
      const [older, newer] = await Promise.all([
        id > 1 ? get('/api/messages', { ...selection, before: id, limit: aroundSize }) : { messages: [] },
        get('/api/messages', { ...selection, after: Math.max(id - 1, 0), limit: aroundSize }),
      ]);
      return { messages: [...older.messages, ...newer.messages], before: older.next ?? 0, detached: newer.next != null };
    });
  }

  /** Marks that newer messages exist that will not be handed to append. */
  detach() { this.detached = true; }

  /** Drops all messages. */
  clear() {
    this.#generation++;
    Object.assign(this, { messages: [], rows: [], before: 0, detached: false, loading: false, loaded: false });
    this.emit('changed', { kind: 'reset', rows: 0 });
  }

  async #reset(selection, read) {
    const generation = ++this.#generation;
    this.loading = true;
    try {
      const { messages, before, detached } = await read();
      const last = messages.at(-1)?.id ?? 0;
      if (generation !== this.#generation) return last;
      Object.assign(this, { selection, messages, before, detached, loaded: true, searched: 0 });
      this.rows = rowsOf(messages, null);
      this.emit('changed', { kind: 'reset', rows: this.rows.length });
      return last;
    } finally {
      if (generation === this.#generation) this.loading = false;
    }
  }

  /** Adds messages that arrived. */
  append(messages, following) {
    if (this.detached || !this.loaded) return;
    const fresh = messages.filter((m) => m.id > this.lastID);
    if (!following && this.messages.length + fresh.length > maxMessages) {
      this.detached = true;
      return;
    }
    this.#add(fresh);
    if (this.messages.length > maxMessages) this.#dropOldest();
  }

  #add(fresh) {
    const rows = rowsOf(fresh, this.messages.at(-1) ?? null);
    for (const m of fresh) this.messages.push(m);
    for (const r of rows) this.rows.push(r);
    this.emit('changed', { kind: 'append', rows: rows.length });
  }

  #dropOldest() {
    const had = this.rows.length;
    this.messages.splice(0, dropSize);
    const first = this.messages[0];
    this.before = first.id;
    this.rows.splice(0, this.rows.findIndex((r) => r.id === first.id), ...rowsOf([first], null).filter((r) => r.kind === 'day'));
    if (this.rows[1].kind === 'day') this.rows.shift(); // it had one already
    this.emit('changed', { kind: 'trim', rows: had - this.rows.length });
  }

  /** Loads a page of older messages, unless there are none or a page is being loaded. Resolves to true if another one should be loaded. */
  async older() {
    if (this.loading || this.before === 0 || !this.loaded) return;
    await this.#extend(async (current) => {
      const { messages, next } = await get('/api/messages', { ...this.selection, before: this.before, limit: pageSize });
      if (!current()) return;
      this.before = next ?? 0;
      this.searched = messages.length ? 0 : this.searched + 1;
      const rows = rowsOf(messages, null), sameDay = messages.length > 0 && this.rows.length > 0 && rowsOf([this.messages[0]], messages.at(-1))[0].kind !== 'day';
      if (sameDay) this.rows.shift(); // the line with the day stands further up now
      this.messages = messages.concat(this.messages);
      this.rows = rows.concat(this.rows);
      if (this.messages.length > maxMessages + dropSize) this.#dropNewest();
      this.emit('changed', { kind: 'prepend', rows: rows.length - (sameDay ? 1 : 0) });
    });
    return this.before !== 0 && this.searched > 0 && this.searched < maxEmptyPages;
  }

  #dropNewest() {
    this.messages.length = maxMessages;
    this.detached = true;
    this.rows.length = this.rowOf(this.lastID) + 1;
  }

  /** Loads a page of newer messages, if there are any. */
  async newer() {
    if (this.loading || !this.detached) return;
    await this.#extend(async (current) => {
      const { messages, next } = await get('/api/messages', { ...this.selection, after: this.lastID, limit: pageSize });
      if (!current()) return;
      this.detached = next != null;
      this.#add(messages.filter((m) => m.id > this.lastID));
      if (this.messages.length > maxMessages + dropSize) this.#dropOldest();
    });
  }

  async #extend(read) {
    const generation = this.#generation;
    this.loading = true;
    try {
      await read(() => generation === this.#generation);
    } catch (error) {
      this.emit('error', error);
    } finally {
      if (generation === this.#generation) this.loading = false;
    }
  }

  /** The index of a message's row, or -1. */
  rowOf(id) {
    let low = 0, high = this.rows.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const row = this.rows[middle];
      if (row.id < id || (row.id === id && row.kind !== 'message')) low = middle + 1;
      else if (row.id === id) return middle;
      else high = middle - 1;
    }
    return -1;
  }

  /** The message with an id, or null if it is not loaded. */
  message(id) {
    const row = this.rowOf(id);
    return row < 0 ? null : this.rows[row].message;
  }
}
