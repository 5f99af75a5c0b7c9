// Whether an address still serves the history of which a message is held: IDs alone do
// not tell, another history may have more of them.

import { get } from './api.js';

/** The message of an id; null: it is not there to be read. @param {number} id @param {AbortSignal} [signal] */
export async function stored(id, signal) {
  if (!id) return null;
  try {
    return await get('/api/messages/' + id, {}, signal);
  } catch (error) {
    if (error.status === 404 || error.status === 410) return null; // evicted, or damaged
    throw error;
  }
}

/** Whether another message has the id of one that is held. @param {object|null} held null: none @param {AbortSignal} [signal] */
export async function isAnother(held, signal) {
  const now = held && await stored(held.id, signal);
  return now != null && (now.topic !== held.topic || now.received !== held.received);
}
