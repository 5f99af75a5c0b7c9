// What the list shows without messages: none yet, none that match, no answer.

import { el, text } from './dom.js';
import { clean, cleanTopic } from './clean.js';
import { elapsed, parseTime } from './format.js';

export class Empty {
  /**
   * @param {HTMLElement} root
   * @param {import('./window.js').Window} window
   * @param {import('./view.js').View} view
   * @param {import('./status.js').Status} status
   * @param {import('./session.js').Session} session
   */
  constructor(root, window, view, status, session) {
    this.words = el('p');
    this.count = el('p.count');
    root.append(this.words, this.count);
    const show = () => {
      root.hidden = window.rows.length > 0 || (!window.loaded && !session.error);
      if (root.hidden) return;
      const { stats, clock } = status;
      const searching = window.before !== 0 && window.loaded;
      if (session.error) {
        text(this.words, session.phase === 'refused' ? 'Nothing is shown while the filter does not parse.' : `The history cannot be read: ${clean(session.error.message)}.`);
        text(this.count, session.phase === 'refused' ? '' : `trying again in ${elapsed(session.retry - Date.now() + 999)}`);
      } else if (view.filter || view.sender) {
        const what = [view.filter && `the filter ${clean(view.filter)}`, view.sender && `the sender ${cleanTopic(view.sender)}`].filter(Boolean).join(' and ');
        text(this.words, `${searching ? 'Nothing found yet' : 'No message'} for ${what}.`);
        text(this.count, 'Esc in the filter box clears it');
      } else {
        text(this.words, 'No messages yet. A broadcaster says Hello world every 1 to 10 s.');
        text(this.count, stats ? `waiting for ${elapsed(clock.now() - parseTime(stats.started))}` : '');
      }
    };
    window.on('changed', show);
    session.on('phase', show);
    setInterval(() => { if (!root.hidden) show(); }, 1000);
    show();
  }
}
