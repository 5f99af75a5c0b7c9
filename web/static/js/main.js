// Connects the parts: one window of messages, one event stream, one view.

import { get } from './api.js';
import { clean } from './clean.js';
import { Announcer } from './announce.js';
import { Clock } from './clock.js';
import { Detail } from './detail.js';
import { Empty } from './empty.js';
import { Events } from './events.js';
import { FilterBox } from './filterbox.js';
import { Head } from './head.js';
import { Intervals } from './intervals.js';
import { List } from './list.js';
import { SendBar } from './sendbar.js';
import { SenderPanel } from './senderpanel.js';
import { Senders } from './senders.js';
import { Status, whileVisible } from './status.js';
import { Timeline } from './timeline.js';
import { TopicPanel } from './topicpanel.js';
import { Topics, topicTerm } from './topics.js';
import { View } from './view.js';
import { Window } from './window.js';
import { collapsible } from './collapse.js';
import { bindKeys, fillHelp } from './keys.js';
import { parseTime } from './format.js';
import { sideTabs } from './sidetabs.js';
import { startTheme, toggleTheme } from './theme.js';

startTheme();

const at = (id) => document.getElementById(id);
const view = new View(), clock = new Clock(), status = new Status(clock);
const senders = new Senders(), topics = new Topics(), window_ = new Window();
const head = new Head(at('head'), at('banner'));
const box = new FilterBox(at('tools')), timeline = new Timeline(at('tools'));
const list = new List(at('list'), window_, senders);
const empty = new Empty(list.empty, window_, view, status);
const panel = new SenderPanel(at('senders'), senders, clock), intervals = new Intervals(at('intervals'));
const topicPanel = new TopicPanel(at('topics'), topics, clock);
const side = sideTabs(at('lists'), [{ name: 'senders', panel: at('senders') }, { name: 'topics', panel: at('topics') }]);
const detail = new Detail(at('detail')), send = new SendBar(at('send'), senders);
const announcer = new Announcer(at('announce'));

/** @type {Events|null} */
let events = null;

/** Loads what the view selects and follows new events. */
async function open() {
  clearTimeout(retryTimer);
  box.show(view.filter, view.sender);
  box.showError(null);
  panel.chosen = view.sender;
  panel.refresh();
  intervals.select(view.sender);
  if (view.sender) send.select(view.sender);
  events?.close();
  try {
    let from;
    if (view.at) {
      from = await window_.around(view.selection, view.at);
      list.setFollow(false);
      list.scrollTo(view.at);
    } else {
      from = await window_.newest(view.selection);
      list.setFollow(true);
    }
    const recent = view.filter || view.sender || view.at ? (await get('/api/messages', { limit: 500 })).messages : window_.messages;
    senders.apply(recent, false);
    topics.apply(recent);
    empty.failed = null;
    list.showNote('');
    follow(from);
    await showSelected();
  } catch (error) {
    showFailure(error);
  }
}

let retryTimer = 0;

/** Shows that the view could not be opened: the receiver did not answer, or refused the filter. */
function showFailure(error) {
  clearTimeout(retryTimer);
  empty.failed = error;
  if (error.status === 400) {
    box.showError(error);
    window_.clear();
    status.setEvents({ state: 'refused', since: Date.now(), retry: 0, cause: error.message });
    return;
  }
  status.setEvents({ state: 'retrying', since: Date.now(), retry: Date.now() + 3000, cause: error.message });
  retryTimer = setTimeout(open, 3000);
}

function follow(from) {
  const mine = new Events(view.selection, from);
  events = mine;
  const current = (work) => (value) => { if (events === mine) work(value); };
  mine.on('messages', current(addMessages));
  mine.on('sender', current((s) => { senders.update(s); announcer.state(s.sender, s.state); }));
  mine.on('evicted', current(() => open()));
  mine.on('link', current((l) => status.setLink(l)));
  mine.on('state', current((s) => status.setEvents(s)));
  mine.on('refused', current(showFailure));
  mine.run();
}

function addMessages(messages) {
  window_.append(messages, list.following);
  list.addUnseen(messages.length);
  senders.apply(messages, true);
  topics.apply(messages);
  announcer.messages(messages.length);
}

// A hidden page must not hold one of the six connections that a browser allows
// an address; it catches up by id when it is shown again.
let idleTimer = 0;
document.addEventListener('visibilitychange', () => {
  clearTimeout(idleTimer);
  if (document.hidden) {
    idleTimer = setTimeout(() => {
      if (!events) return;
      events.close();
      status.setEvents({ state: 'idle', since: Date.now(), retry: 0, cause: '' });
    }, 5000);
  } else if (status.events.state === 'idle') {
    resume(events.last);
  }
});

/** Follows events after an id; far behind, opens the newest page. */
async function resume(last) {
  try {
    const { last_id: newest } = await get('/api/stats');
    if (list.following && newest - last > 2000) await open();
    else follow(last);
  } catch {
    follow(last);
  }
}

async function newest() {
  view.set({ at: 0 });
  if (window_.detached) await open();
  list.setFollow(true);
}

async function jump(ms) {
  list.setFollow(false, list.paused);
  try {
    const id = await window_.at(view.selection, ms);
    if (id == null) await newest();
    else list.scrollTo(id);
  } catch (error) {
    list.showNote(`That time cannot be read: ${clean(error.message)}`);
  }
}

async function showSelected() {
  list.select(view.id, false);
  if (!view.id) {
    detail.set(null);
    return;
  }
  try {
    detail.set(window_.message(view.id) ?? (await get('/api/messages/' + view.id)));
  } catch (error) {
    detail.set(null);
    view.set({ id: 0 });
  }
}

function select(id) {
  list.select(id);
  view.set({ id: detail.open ? id : view.id });
  if (detail.open) detail.set(window_.message(id));
}

function openDetail() {
  if (!list.selected) list.move(0);
  if (!list.selected) return;
  view.set({ id: list.selected });
  detail.set(window_.message(list.selected));
}

function closeDetail() {
  view.set({ id: 0 });
  detail.set(null);
  list.viewport.focus();
}

function choose(sender) {
  view.set({ sender: view.sender === sender ? '' : sender, at: 0 }, true);
  open();
}

async function olderWhileNear() {
  while (await window_.older()) list.showNote('searching further back …');
  list.showNote('');
}

list.on('top', olderWhileNear);
list.on('bottom', () => window_.newer());
list.on('select', select);
list.on('open', openDetail);
list.on('newest', newest);
list.on('follow', (following) => { if (following) view.set({ at: 0 }); });
list.on('visible', ({ first, last }) => {
  timeline.showRange(parseTime(first.message.received), parseTime(last.message.received));
  if (!list.following && window_.loaded && view.at !== first.id) view.set({ at: first.id });
});
window_.on('error', (error) => list.showNote(`Older messages cannot be read: ${clean(error.message)}`));
box.on('filter', (filter) => { if (filter !== view.filter) { view.set({ filter, at: 0 }, true); open(); } });
box.on('sender', () => choose(view.sender));
box.on('leave', () => list.viewport.focus());
panel.on('choose', choose);
topicPanel.on('choose', (topic) => {
  const filter = view.filter === topicTerm(topic) ? '' : topicTerm(topic);
  view.set({ filter, at: 0 }, true);
  open();
});
detail.on('close', closeDetail);
detail.on('only', choose);
detail.on('copy', (id) => detail.copy(location.origin + view.address({ id, at: id })));
timeline.on('jump', jump);
timeline.on('newest', newest);
timeline.on('span', () => loadTimeline());
head.on('side', () => toggleSide());
head.on('theme', toggleTheme);
head.on('help', () => help());
view.on('changed', open);

const loadTimeline = () => timeline.load(status.stats?.oldest ? parseTime(status.stats.oldest) : 0, clock.now());
const help = () => at('help').showModal();
const toggleSide = collapsible('side'), toggleSend = collapsible('send');
const keys = [
  { keys: ['/'], shown: '/', words: 'filter', run: () => box.focus() },
  { keys: [' '], shown: 'space', words: 'pause, go on', run: () => (list.paused || !list.following ? newest() : list.setFollow(false, true)) },
  { keys: ['j', 'ArrowDown'], shown: 'j ↓', words: 'next message', run: () => list.move(1) },
  { keys: ['k', 'ArrowUp'], shown: 'k ↑', words: 'previous message', run: () => list.move(-1) },
  { keys: ['PageDown'], shown: 'PgDn', words: 'a page on', run: () => list.move(list.pageRows) },
  { keys: ['PageUp'], shown: 'PgUp', words: 'a page back', run: () => list.move(-list.pageRows) },
  { keys: ['Enter'], shown: 'enter', words: 'detail', run: openDetail },
  { keys: ['Escape'], shown: 'esc', words: 'close', run: closeDetail },
  { keys: ['G', 'End'], shown: 'G', words: 'newest', run: newest },
  { keys: ['g', 'Home'], shown: 'g', words: 'as far back as is loaded', run: () => list.scrollToStart() },
  { keys: ['p'], shown: 'p', words: 'publish', run: () => send.focus() },
  { keys: ['1'], shown: '1', words: 'stream', run: () => list.viewport.focus() },
  { keys: ['2'], shown: '2', words: 'topics', run: () => { side('topics'); topicPanel.viewport.focus(); } },
  { keys: ['3'], shown: '3', words: 'senders', run: () => { side('senders'); panel.viewport.focus(); } },
  { keys: ['['], shown: '[', words: 'hide or show senders and intervals', run: () => toggleSide() },
  { keys: [']'], shown: ']', words: 'hide or show the send line', run: () => toggleSend() },
  { keys: ['t'], shown: 't', words: 'light or dark', run: toggleTheme },
  { keys: ['?'], shown: '?', words: 'help', run: help },
];
bindKeys(keys);
fillHelp(at('help'), keys);

status.on('changed', () => senders.setAway(status.away()));
status.on('changed', () => head.show(status, senders, clock.now()));
senders.on('changed', () => head.show(status, senders, clock.now()));
setInterval(() => { if (!document.hidden) head.show(status, senders, clock.now()); }, 1000);
whileVisible(2000, async () => {
  const known = events?.last ?? 0;
  await status.load();
  // Ids only rise: this is another history at the same address.
  if (!status.failure && status.stats.last_id < known) {
    senders.clear();
    topics.clear();
    view.set({ at: 0, id: 0 });
    open();
  }
});
whileVisible(() => (senders.list.length > 200 ? 10_000 : 3000), () => senders.load());
whileVisible(5000, loadTimeline);
whileVisible(10_000, () => intervals.load());
open();
