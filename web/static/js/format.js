// Numbers, times and durations as the page shows them: tabular, with their unit.

const space = '\u202f'; // narrow and unbreakable
const minute = 60_000, hour = 60 * minute, dayLength = 24 * hour;

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const shortClock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const longDate = new Intl.DateTimeFormat('en-GB', { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });

const shortDate = new Intl.DateTimeFormat('sv-SE', { year: 'numeric', month: '2-digit', day: '2-digit' });

/** Milliseconds since 1970 of the API's RFC 3339 with nine digits. */
export const parseTime = (s) => Date.parse(s.slice(0, 23) + 'Z');

/** 14:02:31.114, local time zone. */
export const time = (ms) => clock.format(ms) + '.' + String(((ms % 1000) + 1000) % 1000 | 0).padStart(3, '0');

/** 14:02:31 */
export const timeOfDay = (ms) => clock.format(ms);

/** 14:02 */
export const timeShort = (ms) => shortClock.format(ms);

/** Tuesday 24 November 2026 */
export const day = (ms) => longDate.format(ms).replace(',', '');

/** 2026-11-24 */
export const date = (ms) => shortDate.format(ms);

/** The number of the local day that contains ms. */
export const dayNumber = (ms) => Math.floor((ms - new Date(ms).getTimezoneOffset() * minute) / dayLength);

/** 18 204 */
export const count = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, space);

/** sender, senders: word for n of it */
export const plural = (n, word) => (n === 1 ? word : word + 's');

/** 4.112 s; from 1,000 s on without thousandths of a second. */
export function seconds(ms) {
  if (ms == null) return '';
  return Math.abs(ms) < 1e6 ? (ms / 1000).toFixed(3) + space + 's' : span(ms);
}

/** 1.8 ms; from one second on 1.204 s. */
export function millis(ms) {
  if (ms == null) return '';
  return Math.abs(ms) < 1000 ? ms.toFixed(1) + space + 'ms' : seconds(ms);
}

/** How long ago, short: 4.1 s, 41 s, 3 min, 2 h, 5 d. */
export function age(ms) {
  if (ms < 0) ms = 0;
  if (ms < 9_950) return (ms / 1000).toFixed(1) + space + 's';
  if (ms < 2 * minute) return Math.floor(ms / 1000) + space + 's';
  if (ms < 2 * hour) return Math.floor(ms / minute) + space + 'min';
  if (ms < 2 * dayLength) return Math.floor(ms / hour) + space + 'h';
  return Math.floor(ms / dayLength) + space + 'd';
}

/** A length of time: 12.3 s, 4 min 07 s, 2 h 05 min, 3 d 4 h. */
export function span(ms) {
  const two = (n) => String(Math.floor(n)).padStart(2, '0');
  if (ms < minute) return (ms / 1000).toFixed(1) + space + 's';
  if (ms < hour) return Math.floor(ms / minute) + space + 'min ' + two((ms % minute) / 1000) + space + 's';
  if (ms < dayLength) return Math.floor(ms / hour) + space + 'h ' + two((ms % hour) / minute) + space + 'min';
  return Math.floor(ms / dayLength) + space + 'd ' + Math.floor((ms % dayLength) / hour) + space + 'h';
}

/** 57 B, 1.2 KiB, 3.4 MiB */
export function bytes(n) {
  if (n < 1024) return n + space + 'B';
  for (const unit of ['KiB', 'MiB', 'GiB', 'TiB']) {
    n /= 1024;
    if (n < 1024 || unit === 'TiB') return (n < 10 ? n.toFixed(1) : Math.round(n)) + space + unit;
  }
}

/** Messages a second: 0.31/s, 5.4/s, 1 204/s */
export const rate = (n) => (n < 10 ? n.toFixed(2) : n < 100 ? n.toFixed(1) : count(Math.round(n))) + '/s';
