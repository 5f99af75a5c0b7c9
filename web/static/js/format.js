// Numbers, times and durations with their units, as package units of the
// terminal formats them, but with narrow spaces. A test compares the two.

const space = '\u202f'; // narrow and unbreakable
const minute = 60_000, hour = 60 * minute;

/** ms of a day without a change of the clocks. */
export const dayLength = 24 * hour;

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const shortClock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const longDate = new Intl.DateTimeFormat('en-GB', { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });

const dayAndMonth = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
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

/** 24 Nov */
export const dayShort = (ms) => dayAndMonth.format(ms);

/** 2026-11-24 */
export const date = (ms) => shortDate.format(ms);

/** The number of the local day that contains ms. */
export const dayNumber = (ms) => Math.floor((ms - new Date(ms).getTimezoneOffset() * minute) / dayLength);

/** 18 204 */
export const count = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, space);

/** 12k, 1.5M, 0.5: a number for an axis; null: ''. */
export const countShort = (n) => {
  const [unit, words] = n >= 1e6 ? [1e6, 'M'] : n >= 1000 ? [1000, 'k'] : [1, ''];
  return n == null ? '' : +(n / unit).toPrecision(3) + words;
};

/** sender, senders: word for n of it */
export const plural = (n, word) => (n === 1 ? word : word + 's');

/** The interval between two messages: 0.310 s, 12 m 03 s, 3 h 12 m, 0.412 ms; null: ''. */
export function delta(ms) {
  if (ms == null) return '';
  if (ms < 0) return '-' + delta(-ms);
  if (ms > 0 && ms < 1) return ms.toFixed(3) + space + 'ms';
  return ms < 100_000 ? (ms / 1000).toFixed(3) + space + 's' : long(ms);
}

/** How long a message travelled: 1.8 ms, 310 ms, 2.4 s; null: ''. */
export function latency(ms) {
  if (ms == null) return '';
  if (ms < 0) return '-' + latency(-ms);
  if (ms < 100) return ms.toFixed(1) + space + 'ms';
  if (ms < 1000) return Math.floor(ms) + space + 'ms';
  return ms < 100_000 ? (ms / 1000).toFixed(1) + space + 's' : long(ms);
}

/** How long ago, or how late: 3.2 s, 41 s, 2 m 05 s. */
export function age(ms) {
  if (ms >= 10_000) return elapsed(ms);
  return (Math.floor(Math.max(ms, 0) / 100) / 10).toFixed(1) + space + 's';
}

/** A time counted by the second: 4 s, 2 m 05 s. */
export const elapsed = (ms) => (ms < 100_000 ? Math.floor(Math.max(ms, 0) / 1000) + space + 's' : long(ms));

function long(ms) {
  const two = (n) => String(Math.floor(n)).padStart(2, '0');
  const parts = (n, unit, m, smaller) => [Math.floor(n), unit, two(m), smaller].join(space);
  if (ms < hour) return parts(ms / minute, 'm', (ms % minute) / 1000, 's');
  if (ms < 48 * hour) return parts(ms / hour, 'h', (ms % hour) / minute, 'm');
  return parts(ms / dayLength, 'd', (ms % dayLength) / hour, 'h');
}

/** 57 B, 1.2 KiB, 256.0 MiB */
export function bytes(n) {
  if (n < 1024) return n + space + 'B';
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  for (n /= 1024; n >= 1024 && unit < units.length - 1; unit++) n /= 1024;
  return n.toFixed(1) + space + units[unit];
}

/** Messages a second, or a minute below one a second: 11.0/min, 5.4/s, 1 204/s */
export function rate(n) {
  if (n === 0) return '0/min';
  if (n < 1) return (n * 60).toFixed(1) + '/min';
  return (n < 10 ? n.toFixed(1) : count(Math.round(n))) + '/s';
}

/** What lies between two durations, with the unit once if it is the same: 1–10 s, 200 ms–2 s. */
export function span(from, to) {
  const [a, unit] = number(from), [b, other] = number(to);
  return a + (unit === other ? '' : space + unit) + '–' + b + space + other;
}

/** A duration as span writes it: 1 s, 200 ms, 1.5 s. */
export const bound = (ms) => number(ms).join(space);

const number = (ms) => (ms > 0 && ms < 1000 ? [+ms.toFixed(3), 'ms'] : [+(ms / 1000).toFixed(3), 's']);
