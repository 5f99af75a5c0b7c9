// What the list shows without messages: none yet, none that match, no answer.

import { el, text } from './dom.js';
import { clean, cleanTopic } from './clean.js';
import { elapsed, parseTime } from './format.js';

export class Empty {
  /** @type {Error|null} */
  failed = null;

  /**
   * @param {HTMLElement} root
   * @param {import('./window.js').Window} window
   * @param {import('./view.js').View} view
   * @param {import('./status.js').Status} status
   */
  constructor(root, window, view, status) {
    this.words = el('p');
    this.count = el('p.count');
    root.append(this.words, this.count);
    const show = () => {
      root.hidden = window.rows.length > 0 || (!window.loaded && !this.failed);
      if (root.hidden) return;
      const { stats, clock } = status;
      const searching = window.before !== 0 && window.loaded;
      if (this.failed) {
        text(this.words, this.failed.column ? 'Nothing is shown while the filter does not parse.' : `The history cannot be read: ${clean(this.failed.message)}.`);
        text(this.count, this.failed.column ? '' : 'trying again every 3 s');
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
    setInterval(show, 100);
  }
}
