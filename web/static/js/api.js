// The receiver's API. Where a login is needed, each request has the session's key;
// without a session the browser goes to the login.

import { Emitter } from './emitter.js';
import { sessionKey } from './sessionkey.js';

/** Emits "answered" when the receiver has answered, whatever: what waits for it need not wait on. */
export const answers = new Emitter();

/** An error that the API answered with (RFC 9457). */
export class Problem extends Error {
  /** @param {{title: string, detail: string, status: number, column?: number, expected?: string}} p */
  constructor(p) {
    super(p.detail || p.title);
    this.status = p.status;
    this.column = p.column;
    this.expected = p.expected;
  }
}

/**
 * Sends a request; throws a Problem unless the answer is 2xx.
 * @param {string} path
 * @param {RequestInit} [init]
 * @returns {Promise<Response>}
 */
export async function request(path, init) {
  const session = sessionKey.header;
  const response = await reach(path, { ...init, headers: { ...init?.headers, ...session } });
  answers.emit('answered');
  if (response.ok) return response;
  if (response.status === 401) {
    sessionKey.forget(session); // a logout's own answer may come when this page is gone
    location.replace('/login');
  }
  let problem = { title: response.statusText, detail: '', status: response.status };
  try {
    problem = { ...problem, ...(await response.json()) };
  } catch {
    // A proxy answered, without a problem document.
  }
  throw new Problem(problem);
}

/** Fetches, with words for what a browser calls "Failed to fetch". */
async function reach(path, init) {
  try {
    return await fetch(path, { cache: 'no-store', ...init });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Error(error.name === 'TimeoutError' ? 'the receiver does not answer' : navigator.onLine ? 'the receiver cannot be reached' : 'this machine is offline', { cause: error });
  }
}

/** The query string of params; undefined, null and '' are left out. */
export function query(params) {
  const q = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value != null && value !== '') q.set(name, String(value));
  }
  const s = q.toString();
  return s && '?' + s;
}

/** @param {string} path @param {Record<string, any>} [params] @param {AbortSignal} [signal] */
export const get = async (path, params = {}, signal) => (await request(path + query(params), { signal })).json();

/** @param {string} path @param {any} body */
export const post = async (path, body) =>
  (await request(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) })).json();
