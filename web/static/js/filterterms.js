// The terms of a filter, as far as the page puts them together.

/** A text as the filter language takes it in quotes. @param {string} value */
export const quoted = (value) => `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;

/** A value in quotes if it must be. */
const plainOrQuoted = (value, plain) => (plain.test(value) ? value : quoted(value));

/** A term that matches the messages of one sender, or of all whose names begin so. */
export const senderTerm = (sender, all = false) => `sender:${plainOrQuoted(all ? sender + '*' : sender, /^[\w/.*-]+$/)}`;

/** A term that matches a topic alone, or all below it. */
export const topicTerm = (topic, below = false) => `topic:${plainOrQuoted(below ? topic + '/#' : topic, /^[\w/.#-]+$/)}`;

/** The terms of a filter that stand side by side; what is in quotes or parentheses stays together. @returns {string[]} */
export function splitTerms(filter) {
  const terms = [];
  let term = '', quote = false, depth = 0;
  for (let i = 0; i < filter.length; i++) {
    const c = filter[i];
    if (quote && c === '\\') {
      term += c + (filter[++i] ?? '');
      continue;
    }
    if (c === '"') quote = !quote;
    if (!quote && c === '(') depth++;
    if (!quote && c === ')') depth--;
    if (c === ' ' && !quote && depth <= 0) {
      if (term) terms.push(term);
      term = '';
    } else {
      term += c;
    }
  }
  if (term) terms.push(term);
  return terms;
}
