// The part of the history that the list holds: messages without a gap between
// them, in id order, for one selection.

import { Emitter } from './emitter.js';
import { get } from './api.js';
import { rowsOf } from './rows.js';

const page = 500; // messages a request
const most = 50_000; // messages held; beyond, the far end is let go and read again when it is asked for
const chunk = 10_000; // let go at once
const patience = 20; // pages of a sparse filter before the reader is asked

/**
 * Emits "changed" ({kind: 'reset'|'append'|'prepend'|'trim', rows: how many
 * rows came or went}) and "error".
 */
export class Window extends Emitter {
  /** @type {object[]} */
  messages = [];
  /** @type {import('./rows.js').Row[]} what the list shows: messages, gaps, days */
  rows = [];
  selection = { filter: '', sender: '' };
  before = 0; // where older ones are asked for; 0: the history begins here
  detached = false; // newer ones exist that are not held
  loading = false;
  loaded = false;
  searched = 0; // older pages searched in vain

  #generation = 0;

  get lastID() { return this.messages.length ? this.messages.at(-1).id : 0; }

  /** Reads the newest page of a selection; resolves to the id that events go on from. */
  async newest(selection) {
    this.selection = selection;
    return this.#reset(async () => {
      const { last_id: known } = await get('/api/stats');
      const { messages, next } = await get('/api/messages', { ...selection, limit: page });
      return { messages, before: next ?? 0, detached: false, from: Math.max(known, messages.at(-1)?.id ?? 0) };
    });
  }

  /** Reads what surrounds an id. */
  async around(selection, id) {
    this.selection = selection;
    return this.#reset(async () => {
      const [older, newer] = await Promise.all([
        get('/api/messages', { ...selection, before: Math.max(id, 1), limit: page }),
        get('/api/messages', { ...selection, after: Math.max(id - 1, 0), limit: page }),
      ]);
      const messages = [...older.messages, ...newer.messages];
      return { messages, before: older.next ?? 0, detached: newer.next != null, from: messages.at(-1)?.id ?? id };
    });
  }

  /** Reads what surrounds a time; resolves to the id of the first message at or after it. */
  async at(selection, ms) {
    const { messages } = await get('/api/messages', { ...selection, after: 0, since: new Date(ms).toISOString(), limit: 1 });
    if (!messages.length) return null;
    await this.around(selection, messages[0].id);
    return messages[0].id;
  }

  /** Holds nothing. */
  clear() {
    this.#generation++;
    Object.assign(this, { messages: [], rows: [], before: 0, detached: false, loading: false, loaded: false });
    this.emit('changed', { kind: 'reset', rows: 0 });
  }

  async #reset(read) {
    const generation = ++this.#generation;
    this.loading = true;
    try {
      const { messages, before, detached, from } = await read();
      if (generation !== this.#generation) return from;
      Object.assign(this, { messages, before, detached, loaded: true, searched: 0 });
      this.rows = rowsOf(messages, null);
      this.emit('changed', { kind: 'reset', rows: this.rows.length });
      return from;
    } finally {
      if (generation === this.#generation) this.loading = false;
    }
  }

  /** Adds what came. Returns how many of them are not held. */
  append(messages, following) {
    const fresh = messages.filter((m) => m.id > this.lastID);
    if (this.detached || !this.loaded) return fresh.length;
    if (!following && this.messages.length + fresh.length > most) {
      this.detached = true;
      return fresh.length;
    }
    this.#add(fresh);
    if (this.messages.length > most) this.#trimOldest();
    return 0;
  }

  #add(fresh) {
    const rows = rowsOf(fresh, this.messages.at(-1) ?? null);
    for (const m of fresh) this.messages.push(m);
    for (const r of rows) this.rows.push(r);
    this.emit('changed', { kind: 'append', rows: rows.length });
  }

  #trimOldest() {
    const had = this.rows.length;
    this.messages.splice(0, chunk);
    this.before = this.messages[0].id;
    this.rows = rowsOf(this.messages, null);
    this.emit('changed', { kind: 'trim', rows: had - this.rows.length });
  }

  /** Reads a page of older ones, if there are any and none is being read. */
  async older() {
    if (this.loading || this.before === 0 || !this.loaded) return;
    await this.#extend(async (current) => {
      const { messages, next } = await get('/api/messages', { ...this.selection, before: this.before, limit: page });
      if (!current()) return;
      this.before = next ?? 0;
      this.searched = messages.length ? 0 : this.searched + 1;
      this.messages = messages.concat(this.messages);
      if (this.messages.length > most + chunk) {
        this.messages.length = most;
        this.detached = true;
      }
      this.rows = rowsOf(this.messages, null);
      this.emit('changed', { kind: 'prepend', rows: this.#rowsBefore(messages.length) });
    });
    return this.before !== 0 && this.searched > 0 && this.searched < patience;
  }

  /** How many rows the first n messages put before what was there without them. */
  #rowsBefore(n) {
    return rowsOf(this.messages.slice(0, n + 1), null).length - rowsOf(this.messages.slice(n, n + 1), null).length;
  }

  /** Reads a page of newer ones while they are not held. */
  async newer() {
    if (this.loading || !this.detached) return;
    await this.#extend(async (current) => {
      const { messages, next } = await get('/api/messages', { ...this.selection, after: this.lastID, limit: page });
      if (!current()) return;
      this.detached = next != null;
      this.#add(messages.filter((m) => m.id > this.lastID));
      if (this.messages.length > most + chunk) this.#trimOldest();
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

  /** The row of a message, or -1. */
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

  /** The message at an id, if it is held. */
  message(id) {
    const row = this.rowOf(id);
    return row < 0 ? null : this.rows[row].message;
  }
}
