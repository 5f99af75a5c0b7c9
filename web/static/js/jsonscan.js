// Reads the tokens of JSON from its source, and says why something is not JSON,
// in the words of stream/jsonview. A test compares the two.

export const maxDepth = 10_000; // of brackets
const number = /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$/;
const word = /[-+.\w]*/y;
const escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const plain = /[^"\\\u0000-\u001f]*/y; // inside of a string
const space = /[ \t\r\n]*/y;
const closing = { '[': ']', '{': '}' };

/** What may come next, in words. */
const value = 'a value', element = 'a value or ]', member = 'a name in double quotes or }', name = 'a name in double quotes', colon = 'a colon', more = ', or ', end = 'the end';

/** The length of what the sticky expression matches of s from at on. */
function measure(expression, s, at) {
  expression.lastIndex = at;
  return expression.test(s) ? expression.lastIndex - at : 0;
}

/** The length of the escape that s has at that place, or 0. */
export const escapeLength = (s, at) => measure(escape, s, at);

/** The tokens of one JSON value: call next until it returns 'end', or '' with a problem. */
export class Scanner {
  at = 0; // after the token
  start = 0; // of the token
  problem = '';
  #source;
  #want = value;
  #comma = -1;
  #open = []; // the brackets around at

  /** @param {string} source */
  constructor(source) { this.#source = source; }

  get depth() { return this.#open.length; }
  get token() { return this.#source.slice(this.start, this.at); }

  /** @returns {'['|']'|'{'|'}'|','|':'|'text'|'name'|'scalar'|'end'|''} */
  next() {
    const s = this.#source, want = this.#want;
    this.start = this.at += measure(space, s, this.at);
    if (this.at === s.length) return want === end ? 'end' : this.#fail(this.at, `unexpected end, expected ${this.#words()}`);
    const c = s[this.at];
    if (want === value || want === element) return this.#value(c);
    if (want === member || want === name) {
      if (c === '"') {
        this.#want = colon;
        return this.#string('name');
      }
      if (c === '}' && want === member) return this.#close();
    } else if (want === colon && c === ':') {
      this.#want = value;
      this.at++;
      return ':';
    } else if (want === more) {
      const open = this.#open.at(-1);
      if (c === closing[open]) return this.#close();
      if (c === ',') {
        this.#comma = this.at++;
        this.#want = open === '{' ? name : value;
        return ',';
      }
    }
    return this.#unexpected();
  }

  #value(c) {
    if (c === '{' || c === '[') {
      if (this.depth === maxDepth) return this.#fail(this.at, `nested deeper than ${maxDepth} levels`);
      this.#open.push(c);
      this.#want = c === '[' ? element : member;
      this.at++;
      return c;
    }
    if (c === ']' && this.#want === element) return this.#close();
    const length = measure(word, this.#source, this.at);
    if (c !== '"' && length === 0) return this.#unexpected();
    this.#done();
    if (c === '"') return this.#string('text');
    this.at += length;
    const w = this.token;
    if (w === 'true' || w === 'false' || w === 'null' || number.test(w)) return 'scalar';
    return this.#fail(this.start, `${w.length > 40 ? w.slice(0, 40) + '…' : w} is not a ${/^[-+.0-9]/.test(w) ? 'number' : 'value'} in JSON`);
  }

  #string(kind) {
    const s = this.#source;
    for (this.at++; ;) {
      this.at += measure(plain, s, this.at);
      if (this.at === s.length) return this.#fail(this.at, 'unexpected end in a text');
      if (s[this.at] === '"') {
        this.at++;
        return kind;
      }
      const length = escapeLength(s, this.at);
      if (length === 0 && s[this.at] === '\\') return this.#fail(this.at, 'a \\ that begins no escape of JSON');
      if (length === 0) return this.#fail(this.at, `unexpected ${character(s.codePointAt(this.at))} in a text, where it is written as an escape`);
      this.at += length;
    }
  }

  #close() {
    this.#open.pop();
    this.#done();
    return this.#source[this.at++];
  }

  #done() { this.#want = this.depth ? more : end; }

  #words() { return this.#want === more ? more + closing[this.#open.at(-1)] : this.#want; }

  #unexpected() {
    const c = this.#source.codePointAt(this.start), sign = String.fromCodePoint(c);
    const between = this.#comma < 0 ? '-' : this.#source.slice(this.#comma + 1, this.start);
    if ((this.#want === name || this.#want === value) && sign === closing[this.#open.at(-1)] && measure(space, between, 0) === between.length) {
      return this.#fail(this.#comma, `a comma before ${sign}`);
    }
    return this.#fail(this.start, `unexpected ${character(c)}, expected ${this.#words()}`);
  }

  #fail(at, cause) {
    this.problem = `${place(this.#source, at)}: ${cause}`;
    return '';
  }
}

/** The line and column of source[at]; the column counts characters. */
export function place(source, at) {
  const lines = source.slice(0, at).split('\n');
  return `line ${lines.length}, column ${Array.from(lines.at(-1)).length + 1}`;
}

/** Names a character so that it can be seen. */
function character(c) {
  if (c > 0x20 && c < 0x7f) return String.fromCodePoint(c);
  const code = 'U+' + c.toString(16).toUpperCase().padStart(4, '0');
  const names = { 0x00: 'NUL', 0x09: 'tab', 0x0a: 'line feed', 0xfeff: 'byte order mark' };
  return names[c] ? `${names[c]} (${code})` : code;
}
