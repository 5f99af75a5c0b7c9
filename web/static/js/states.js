// Signs and words of the senders' states; colour is never the only mark.

import { age, elapsed, timeShort } from './format.js';

/** @type {Record<string, {sign: string, kind: string}>} */
const signs = {
  'on time': { sign: '●', kind: 'good' },
  late: { sign: '◐', kind: 'warn' },
  silent: { sign: '○', kind: 'bad' },
  paused: { sign: '‖', kind: 'off' },
  gone: { sign: '×', kind: 'off' },
  lost: { sign: '⨯', kind: 'bad' },
  unknown: { sign: '◌', kind: 'off' },
};

/** In the order in which they are counted. */
export const states = ['on time', 'late', 'silent', 'paused', 'lost', 'gone', 'unknown'];

/** The sign and the kind (good, warn, bad, off) of a sender's state. */
export const stateSign = (state) => signs[state] ?? { sign: '◌', kind: 'off' };

/**
 * A sender's state now in few words, with how long or since when, or why it is not known:
 * the panel has room for 16 characters.
 * @param {{state: string, since: number, seen: number, expected: number, away: {who: string, since: number}|null, facts: object}} s times in ms
 * @param {number} now
 */
export function stateWords(s, now) {
  switch (s.state) {
    case 'paused':
      return 'paused';
    case 'unknown':
      if (s.away) return `away ${elapsed(now - s.away.since)}`;
      if (!s.seen) return 'retained';
      return oneMessage(s) ? 'one message' : 'unknown';
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

const oneMessage = (s) => s.facts?.messages === 1 && !s.expected;

/** The state as a sentence, for a tooltip. */
export function stateSentence(s, now) {
  switch (s.state) {
    case 'gone':
      return `gone ${timeShort(s.since)} (disconnected cleanly)`;
    case 'lost':
      return `lost ${timeShort(s.since)} (connection broke)`;
    case 'on time':
      return `on time, last message ${age(now - s.seen)} ago`;
    case 'unknown':
      if (s.away) return `${s.away.who} ${stateWords(s, now)}`;
      if (!s.seen) return 'retained only';
      if (oneMessage(s)) return 'one message so far';
  }
  return stateWords(s, now);
}
