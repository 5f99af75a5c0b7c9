// Goes to places of the history: by id, by time, the oldest, the newest.

import { get } from './api.js';
import { clean } from './clean.js';
import { parseTime } from './format.js';
import { latest } from './latest.js';

export class Travel {
  #window;
  #view;
  #list;
  #session;
  #open;
  #now = 0; // when the message in the middle of the list was received, ms since 1970

  /**
   * @param {import('./window.js').Window} window
   * @param {import('./view.js').View} view
   * @param {import('./list.js').List} list
   * @param {import('./session.js').Session} session
   * @param {() => Promise<void>} open  shows anew what the view selects
   */
  constructor(window, view, list, session, open) {
    this.#window = window;
    this.#view = view;
    this.#list = list;
    this.#session = session;
    this.#open = open;
    list.on('visible', ({ middle }) => { this.#now = parseTime(middle.message.received); });
  }

  async newest() {
    this.#view.set({ at: 0 });
    if (this.#window.detached || this.#session.phase === 'failed') await this.#open();
    this.#list.setFollow(true);
  }

  async oldest() {
    await this.#leave('The oldest messages', async () => {
      if (this.#window.before !== 0 || !this.#window.loaded) await this.#window.oldest(this.#view.selection);
      this.#list.scrollToStart();
    });
  }

  /** To an id; 0: the newest. */
  toID = latest((id) => (!id ? this.newest() : this.#leave('That place', async () => {
    if (!this.#window.holds(id)) await this.#window.around(this.#view.selection, id);
    this.#list.center(id);
  })));

  /** To a time, in ms since 1970; while it is dragged, to the newest one asked for. */
  toTime = latest((ms) => this.#leave('That time', async () => {
    const id = await this.#first({ after: 0, since: new Date(ms).toISOString() });
    if (!id) {
      await this.newest();
      return;
    }
    await this.#window.around(this.#view.selection, id);
    this.#list.center(id);
  }));

  /** On in time from what stands in the middle by so many ms, or back. */
  by(ms) {
    if (!this.#now || (ms > 0 && this.#list.following)) return;
    if (ms > 0) this.toTime(this.#now + ms);
    else this.#leave('That time', async () => {
      const id = await this.#first({ until: new Date(this.#now + ms).toISOString() });
      if (id) await this.toID(id);
      else await this.oldest();
    });
  }

  /** The id of the first message of what is selected, as more parameters of the API say; undefined: there is none. */
  async #first(parameters) {
    const { messages } = await get('/api/messages', { ...this.#view.selection, ...parameters, limit: 1 });
    return messages[0]?.id;
  }

  /** Shows a place elsewhere than at the newest message; name: for a note if it cannot be read. */
  async #leave(name, show) {
    this.#list.setFollow(false, this.#list.paused);
    try {
      await show();
    } catch (error) {
      this.#list.showNote(`${name} cannot be read: ${clean(error.message)}`);
    }
  }
}
