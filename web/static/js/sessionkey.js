// The key of a session, one half of what the receiver demands of a page that it
// serves beyond loopback; the other is a cookie that no script can read. Another
// port of the same host has another localStorage.

const name = 'hellox.key';

export const sessionKey = {
  /** Whether this page has logged in. */
  get known() { return localStorage.getItem(name) != null; },
  /** What each request of the API has. */
  get header() {
    const key = localStorage.getItem(name);
    return key == null ? {} : { 'Hellox-Key': key };
  },
  /** @param {string} key */
  keep(key) { localStorage.setItem(name, key); },
  /** Forgets the key of header, unless another took its place meanwhile. @param {Record<string, string>} header */
  forget(header) {
    if (this.header['Hellox-Key'] === header['Hellox-Key']) localStorage.removeItem(name);
  },
};
