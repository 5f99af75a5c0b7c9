// The newest message that this tab knows of: by it another history is told, which may have
// more messages than the one before.

import { get } from './api.js';

/** A message of the history that is followed. */
export class Held {
  /** @type {object|null} null: none is known */
  message = null;

  /** Takes a message that is newer than the one held. @param {object|null|undefined} message */
  take(message) {
    if (message && message.id >= (this.message?.id ?? 0)) this.message = message;
  }

  /** Takes the message of an id, unless it or a newer one is held. */
  async load(id) {
    if (id > (this.message?.id ?? 0)) this.take(await stored(id));
  }

  forget() { this.message = null; }

  /**
   * Whether the receiver has another history, or one that does not have the message that is
   * held: what followed it there may be missing, too.
   * @param {object} stats its totals @param {AbortSignal} [signal]
   */
  async isGone(stats, signal) {
    const { message } = this;
    if (!message || message.id > stats.last_id) return false; // the ids tell, or one of several receivers is behind
    if (message.id < stats.first_id) return true;
    const now = await stored(message.id, signal);
    return now != null && (now.topic !== message.topic || now.received !== message.received);
  }
}

/** The message of an id; null: it is not there to be read. */
async function stored(id, signal) {
  try {
    return await get('/api/messages/' + id, {}, signal);
  } catch (error) {
    if (error.status === 404 || error.status === 410) return null; // evicted, or damaged
    throw error;
  }
}
