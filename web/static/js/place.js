// A place in the history as it is typed.

const units = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * What a place means, as in the terminal: {id}, {time: ms since 1970}, {oldest}, {newest}, or null if it is none.
 * A time of day is the last one that it has been.
 * @param {string} typed @param {number} now ms since 1970
 */
export function placeOf(typed, now) {
  const s = typed.trim();
  if (/^(oldest|first)$/.test(s)) return { oldest: true };
  if (/^(newest|last)$/.test(s)) return { newest: true };
  const id = s.replace(/^#/, '').replaceAll(/\s/g, '');
  if (/^\d{1,15}$/.test(id) && Number(id) > 0) return { id: Number(id) };
  const ago = /^-?((?:\d+(?:\.\d+)?[smhd])+)$/.exec(s);
  if (ago) return { time: [...ago[1].matchAll(/([\d.]+)(.)/g)].reduce((at, [, n, unit]) => at - Number(n) * units[unit], now) };
  const clock = /^(?:(\d{4})-(\d\d)-(\d\d) )?(\d\d?):(\d\d)(?::(\d\d))?$/.exec(s);
  if (!clock) return null;
  const [year, month, day, hours, minutes, seconds] = clock.slice(1).map((n) => Number(n ?? 0));
  if (hours > 23 || minutes > 59 || seconds > 59) return null;
  const at = year ? new Date(year, month - 1, day) : new Date(now);
  if (year && at.getDate() !== day) return null;
  at.setHours(hours, minutes, seconds, 0);
  if (!year && at > now) at.setDate(at.getDate() - 1);
  return { time: at.getTime() };
}
