// Signs and words of the senders' states; colour is never the only mark.

import { age, timeShort } from './format.js';

/** @type {Record<string, {sign: string, kind: string}>} */
const signs = {
  'on time': { sign: '●', kind: 'good' },
  late: { sign: '◐', kind: 'warn' },
  silent: { sign: '○', kind: 'bad' },
  gone: { sign: '×', kind: 'off' },
  lost: { sign: '⨯', kind: 'bad' },
};

/** In the order in which they are counted. */
export const states = ['on time', 'late', 'silent', 'lost', 'gone'];

/** The sign and the kind (good, warn, bad, off) of a sender's state. */
export const stateSign = (state) => signs[state] ?? { sign: '◌', kind: 'off' };

/**
 * A sender's state now in words, with how long or since when.
 * @param {{state: string, since: number, seen: number, expected: number}} s times in ms
 * @param {number} now
 */
export function stateWords(s, now) {
  switch (s.state) {
    case 'late':
      return s.expected ? 'late ' + age(now - s.seen - s.expected) : 'late';
    case 'silent':
      return 'silent ' + age(now - s.seen);
    case 'gone':
      return 'gone ' + timeShort(s.since);
    case 'lost':
      return 'lost ' + timeShort(s.since);
  }
  return age(now - s.seen);
}

/** The state as a sentence, for a tooltip. */
export function stateSentence(s, now) {
  switch (s.state) {
    case 'gone':
      return `gone ${timeShort(s.since)} (disconnected cleanly)`;
    case 'lost':
      return `lost ${timeShort(s.since)} (connection broke)`;
    case 'on time':
      return `on time, last message ${age(now - s.seen)} ago`;
  }
  return stateWords(s, now);
}
