// The receiver's API. A login, where one is needed, would add its header here.

/** An error that the API told in its own words. */
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
 * Asks, and throws a Problem for any answer but 200.
 * @param {string} path
 * @param {RequestInit} [init]
 * @returns {Promise<Response>}
 */
export async function request(path, init) {
  const response = await fetch(path, { cache: 'no-store', ...init });
  if (response.ok) return response;
  let problem = { title: response.statusText, detail: '', status: response.status };
  try {
    problem = { ...problem, ...(await response.json()) };
  } catch {
    // Something in between answered, without the API's words.
  }
  throw new Problem(problem);
}

/** Query parameters of what is set: undefined, null and '' are left out. */
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
