// What the list shows without messages: none yet, none that match, no answer.

import { el, text } from './dom.js';
import { clean, cleanTopic } from './clean.js';
import { elapsed, parseTime } from './format.js';

const patience = 15_000; // ms without a message after which something is wrong

export class Empty {
  /**
   * @param {HTMLElement} root
   * @param {import('./window.js').Window} window
   * @param {import('./view.js').View} view
   * @param {import('./status.js').Status} status
   * @param {import('./session.js').Session} session
   * @param {() => void} all  shows all messages
   */
  constructor(root, window, view, status, session, all) {
    this.words = el('p');
    this.count = el('p.count');
    this.advice = el('p.advice', { hidden: true }, 'What is missing: ', el('code', {}, 'hellox status'), ' tells of broker, receiver and broadcasters, ',
      el('code', {}, 'hellox logs broadcast'), ' what the broadcasters say.');
    this.all = el('button', { type: 'button', hidden: true, onclick: all }, 'show all messages');
    root.append(this.words, this.count, this.advice, this.all);
    const show = () => {
      root.hidden = window.rows.length > 0 || (!window.loaded && !session.error);
      if (root.hidden) return;
      const { stats, clock } = status;
      this.advice.hidden = true;
      this.all.hidden = !(view.filter || view.sender) || session.phase === 'failed';
      const searching = window.before !== 0 && window.loaded;
      if (session.error) {
        text(this.words, session.phase === 'refused' ? 'Nothing is shown while the filter does not parse.' : `The history cannot be read: ${clean(session.error.message)}.`);
        text(this.count, session.phase === 'refused' ? '' : `trying again in ${elapsed(session.retry - Date.now() + 999)}`);
      } else if (view.filter || view.sender) {
        const what = [view.filter && `the filter ${clean(view.filter)}`, view.sender && `the sender ${cleanTopic(view.sender)}`].filter(Boolean).join(' and ');
        text(this.words, `${searching ? 'Nothing found yet' : 'No message'} for ${what}.`);
        text(this.count, '');
      } else {
        const waited = stats ? clock.now() - parseTime(stats.started) : 0;
        text(this.words, 'No messages yet. A broadcaster says Hello world every 1 to 10 s.');
        text(this.count, stats ? `waiting for ${elapsed(waited)}` : '');
        this.advice.hidden = waited < patience;
      }
    };
    window.on('changed', show);
    session.on('phase', show);
    setInterval(() => { if (!root.hidden) show(); }, 1000);
    show();
  }
}
