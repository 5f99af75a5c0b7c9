// Signs and words of the states: never colour alone.

import { age, timeShort } from './format.js';

/** @type {Record<string, {sign: string, kind: string}>} */
const signs = {
  'on time': { sign: '●', kind: 'good' },
  late: { sign: '◐', kind: 'warn' },
  silent: { sign: '○', kind: 'bad' },
  gone: { sign: '×', kind: 'off' },
  lost: { sign: '⨯', kind: 'bad' },
};

/** In the order of their weight. */
export const states = ['on time', 'late', 'silent', 'lost', 'gone'];

/** The sign and the kind (good, warn, bad, off) of a sender's state. */
export const stateSign = (state) => signs[state] ?? { sign: '◌', kind: 'off' };

/**
 * The words of a sender's state now, with how long or since when.
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

/** The state's words in full, for a tooltip. */
export function stateSentence(s, now) {
  switch (s.state) {
    case 'gone':
      return `gone ${timeShort(s.since)} (said goodbye)`;
    case 'lost':
      return `lost ${timeShort(s.since)} (connection broke)`;
    case 'on time':
      return `on time, last message ${age(now - s.seen)} ago`;
  }
  return stateWords(s, now);
}
