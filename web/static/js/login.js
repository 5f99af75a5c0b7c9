// The login: exchanges the code that the receiver shows for a session.

import { sessionKey } from './sessionkey.js';
import { startTheme } from './theme.js';

startTheme();

const form = /** @type {HTMLFormElement} */ (document.getElementById('login'));
const code = /** @type {HTMLInputElement} */ (document.getElementById('code'));
const words = document.getElementById('words');

/** Posts JSON, and returns the answer or throws why there is none. */
async function post(path, body) {
  const response = await fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail);
  return answer;
}

/** Shows words, '' none; wrong: they say why something failed. */
function show(text, wrong = false) {
  words.textContent = text;
  words.className = wrong ? 'bad' : '';
}

async function enter(value) {
  show('…');
  try {
    const { key } = await post('/api/login', { code: value });
    sessionKey.keep(key);
    location.replace('/');
  } catch (error) {
    show(error.message, true);
    code.select();
  }
}

form.addEventListener('submit', (e) => { e.preventDefault(); enter(code.value); });
document.getElementById('another').addEventListener('click', async () => {
  try {
    await post('/api/login/code', {});
    show('The receiver shows a code in its log now, unless one is still valid there.');
  } catch (error) {
    show(error.message, true);
  }
  code.focus();
});

/**
 * Takes the code that the address, which the receiver shows, has after its #: no
 * server sees it there. It goes from the address before anything else is done.
 */
function takeCode() {
  const given = location.hash.slice(1);
  if (!given) return;
  history.replaceState(null, '', '/login');
  code.value = given;
  enter(given);
}

addEventListener('hashchange', takeCode); // the address was opened where the login stood already
takeCode();
