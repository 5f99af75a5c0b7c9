// The rows of the list: messages, and lines between them.

import { day, dayNumber, parseTime } from './format.js';

/**
 * @typedef {object} Row
 * @property {'message'|'gap'|'day'} kind
 * @property {number} id  of the message, or of the one that follows the line
 * @property {object} message  the same
 * @property {string} [text]  of a day
 */

/**
 * The rows of messages that follow previous (null: the first ones).
 * @param {object[]} messages
 * @param {object|null} previous
 * @returns {Row[]}
 */
export function rowsOf(messages, previous) {
  const rows = [];
  let last = previous && dayNumber(parseTime(previous.received));
  for (const message of messages) {
    const at = parseTime(message.received);
    const today = dayNumber(at);
    if (today !== last) rows.push({ kind: 'day', id: message.id, message, text: day(at) });
    last = today;
    if (message.missed) rows.push({ kind: 'gap', id: message.id, message });
    rows.push({ kind: 'message', id: message.id, message });
  }
  return rows;
}
