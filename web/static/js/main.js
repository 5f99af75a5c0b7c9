// Connects the parts: one window of messages, one event stream, one view.

import { get, post } from './api.js';
import { clean, cleanTopic } from './clean.js';
import { Announcer } from './announce.js';
import { Charts } from './charts.js';
import { Clock } from './clock.js';
import { Detail } from './detail.js';
import { Empty } from './empty.js';
import { FilterBox } from './filterbox.js';
import { Head } from './head.js';
import { Intervals } from './intervals.js';
import { List } from './list.js';
import { SendBar } from './sendbar.js';
import { SenderPanel } from './senderpanel.js';
import { Rail } from './rail.js';
import { Search } from './search.js';
import { Retained } from './retained.js';
import { Senders } from './senders.js';
import { Session } from './session.js';
import { sessionKey } from './sessionkey.js';
import { SharedEvents } from './shared.js';
import { Status } from './status.js';
import { Timeline } from './timeline.js';
import { Travel } from './travel.js';
import { TopicPanel } from './topicpanel.js';
import { senderTerm, topicTerm } from './filterterms.js';
import { Topics } from './topics.js';
import { View } from './view.js';
import { Window } from './window.js';
import { asidesReader } from './asides.js';
import { collapsible } from './collapse.js';
import { Choice } from './choice.js';
import { commands } from './commands.js';
import { exportFile } from './export.js';
import { GoTo } from './goto.js';
import { bindKeys, fillHelp } from './keys.js';
import { Notices } from './notices.js';
import { count, parseTime } from './format.js';
import { places } from './places.js';
import { sideTabs } from './sidetabs.js';
import { startTheme, toggleTheme } from './theme.js';

startTheme();

const at = (id) => document.getElementById(id);
const view = new View(), clock = new Clock(), shared = new SharedEvents(), status = new Status(clock, shared);
const senders = new Senders(), topics = new Topics(), window_ = new Window();
const session = new Session(window_, view, shared, status);
const head = new Head(at('head'), at('banner'));
const box = new FilterBox(at('tools'), {
  senders: () => senders.known.map((s) => s.name),
  topics: () => topics.names,
  find: (part, limit) => (senders.found > senders.list.length || senders.groups ? senders.find(part, limit) : []),
});
const timeline = new Timeline(at('tools'));
at('tools').append(box.error); // a line of its own, below both
const list = new List(at('list'), window_, senders);
const empty = new Empty(list.empty, window_, view, status, session, () => {
  list.focus(); // the button goes
  view.open({ filter: '', sender: '' });
});
const panel = new SenderPanel(at('senders'), senders, clock), intervals = new Intervals(at('intervals'));
const topicPanel = new TopicPanel(at('topics'), topics, clock), charts = new Charts(at('charts'));
const side = sideTabs(at('lists'), ['senders', 'topics', 'charts'].map((name) => ({ name, panel: at(name) })), (name) => {
  if (name !== 'charts') topics.load(clock.now()).catch(() => {}); // at the start as well: the filter box completes them
  if (name === 'charts' && counted) charts.show(counted);
});
places(at('places'), ['senders', 'topics', 'charts'], side);
const travel = new Travel(window_, view, list, session, open), rail = new Rail(list.rail);
const detail = new Detail(at('detail')), send = new SendBar(at('send'), senders);
const retained = new Retained(at('retained')), choice = new Choice(at('choice')), goTo = new GoTo(at('goto'), clock);
let counted = null; // the newest counts over time
const announcer = new Announcer(at('announce'));
const notices = new Notices(() => window.focus());

/** Shows what the view selects. */
function open() {
  box.show(view.filter, view.sender);
  panel.chosen = view.sender;
  panel.refresh();
  if (view.sender) send.select(view.sender);
  return session.open();
}

session.on('phase', (phase) => {
  box.showError(phase === 'refused' ? session.error : null);
  if (phase === 'refused') {
    at('list').querySelector('.first')?.remove();
    senders.load().catch(() => {}); // who sends does not depend on the filter
  }
  if (phase === 'failed' && window_.loaded) list.showNote(`What is selected now is shown once the receiver answers: ${clean(session.error.message)}.`);
  if (phase !== 'resting') showHead();
});
let restarted = false; // since the list was opened
session.on('opened', async ({ around }) => {
  at('list').querySelector('.first')?.remove();
  // One of several receivers may be a moment behind the others, with the same history.
  list.showNote(restarted && !status.stats.shared ? 'This is another history, or one without what was shown: the list begins anew.' : '');
  restarted = false;
  list.setFollow(!around, list.paused && around !== 0);
  if (around) list.center(around);
  loadAside(true);
  await showSelected();
});
session.on('resumed', () => loadAside(true));
session.on('messages', (messages) => {
  window_.append(messages, list.following);
  list.addUnseen(messages.length);
  senders.apply(messages);
  announcer.messages(messages.length);
  for (const m of messages) if (m.missed) notices.gap(m.sender, m.missed);
});
session.on('passed', (n) => list.addUnseen(n));
session.on('restarted', () => {
  restarted = true;
  senders.clear();
  topics.clear();
  view.set({ at: 0, id: 0 });
});

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
    list.showNote(error.status === 404 ? gone(view.id) : clean(error.message));
  }
}

/** Why the message of a link is not there. */
function gone(id) {
  const { first_id: first, last_id: last } = status.stats;
  if (!first) return `There is no #${count(id)}: the history is empty.`;
  if (id > last) return `There is no #${count(id)}: the newest message is #${count(last)}.`;
  return `#${count(id)} was evicted by retention; the history begins at #${count(first)}.`;
}

let stoppedHere = false; // choosing a row stopped the list: Esc lets it go on

function select(id) {
  if (list.following) {
    list.setFollow(false);
    stoppedHere = true;
  }
  list.select(id);
  view.set({ id: detail.open ? id : view.id });
  if (detail.open) detail.set(window_.message(id));
}

function openDetail() {
  if (!list.selected) list.move(0);
  if (!list.selected) return;
  list.showNote('');
  view.set({ id: list.selected });
  detail.set(window_.message(list.selected));
}

function closeDetail() {
  view.set({ id: 0 });
  detail.set(null);
  list.focus();
  if (stoppedHere) travel.newest();
}

/** The selected message; null: none is selected, or it is not loaded. */
const selected = () => (list.selected ? window_.message(list.selected) : null);

const search = new Search(view, (forward) => list.selected || (forward ? window_.lastID : 0), async (id) => {
  await travel.toID(id);
  select(id);
}, (words) => list.flash(words));

/** Saves what is selected. */
const save = async (format) => {
  try {
    await exportFile(view.selection, format);
  } catch (error) {
    list.showNote(`The export failed: ${clean(error.message)}`);
  }
};

async function olderWhileNear() {
  const words = 'searching further back …';
  while (await window_.older()) list.showNote(words);
  if (list.noted === words) list.showNote('');
}

list.on('top', olderWhileNear);
rail.on('jump', travel.toID);
list.on('bottom', () => window_.newer());
list.on('select', select);
list.on('open', openDetail);
list.on('newest', () => travel.newest());
list.on('export', save);
list.on('follow', (following) => {
  if (!following) return;
  stoppedHere = false;
  view.set({ at: 0 });
});
list.on('scrolled', () => { stoppedHere = false; });
list.on('visible', ({ first, middle, last }) => {
  timeline.showRange(parseTime(first.message.received), parseTime(last.message.received));
  rail.show(first.id, last.id, list.showsAll);
  if (!list.following && session.phase !== 'opening' && view.at !== middle.id) view.set({ at: middle.id });
});
window_.on('error', (error) => list.showNote(`Older messages cannot be read: ${clean(error.message)}`));
box.on('filter', (filter) => { if (filter !== view.filter) { view.type(filter); open(); } });
box.on('typed', () => view.typed());
box.on('remove', (at) => view.removeTerm(at));
goTo.on('go', ({ id, time, oldest: first }) => {
  if (time) travel.toTime(time);
  else if (first) travel.oldest();
  else travel.toID(id ?? 0);
});
list.on('gap', ({ id, sender }) => view.open({ sender, at: id, id: 0 }));
list.on('only', ({ sender, topic, not }) => {
  if (sender && !not) view.choose(sender);
  else view.toggleTerm((not ? '-' : '') + (sender ? senderTerm(sender) : topicTerm(topic)));
});
box.on('sender', () => view.choose(view.sender));
box.on('leave', () => list.focus());
box.on('search', async ({ expression, filter }) => {
  search.expression = expression;
  if (filter !== view.filter) {
    view.type(filter);
    await open();
  }
  box.show(view.filter, view.sender);
  list.focus();
  search.go(false);
});
panel.on('choose', (sender) => view.choose(sender));
topicPanel.on('choose', (term) => view.toggleTerm(term));
topicPanel.on('mute', (term) => view.toggleTerm('-' + term));
panel.on('exclude', (sender) => view.toggleTerm('-' + senderTerm(sender)));
panel.on('excludeGroup', (prefix) => view.toggleTerm(`-${senderTerm(prefix, true)}`));
panel.on('list', (around) => senders.load(around).catch(() => {}));
detail.on('close', closeDetail);
detail.on('edit', (message) => send.edit(message));
retained.on('edit', (message) => send.edit(message));
send.on('retained', () => retained.open());
send.on('asked', () => toggleSend(false));
detail.on('only', (sender) => view.choose(sender));
detail.on('term', (term) => view.toggleTerm(term));
detail.on('copy', (id) => detail.copy(location.origin + view.address({ id, at: id })));
timeline.on('jump', travel.toTime);
timeline.on('newest', () => travel.newest());
timeline.on('span', () => loadTimeline());
timeline.on('more', () => { if (!document.hidden && session.phase === 'live') loadTimeline().catch(() => {}); });
timeline.on('data', (data) => {
  const { filter, sender } = data.selection;
  counted = { ...data, name: filter ? 'of the filter' : sender ? cleanTopic(sender) : 'all' };
  charts.show(counted);
  intervals.show(data.intervals, counted.name);
});
charts.on('jump', travel.toTime);
head.on('side', () => toggleSide());
head.on('theme', toggleTheme);
head.on('missed', () => view.toggleTerm('is:missed'));
head.on('notify', async () => {
  await notices.toggle();
  session.keepsUp = notices.on;
  head.showNotify(notices.on, notices.refused);
});
session.keepsUp = notices.on;
head.showNotify(notices.on, notices.refused);
head.on('help', () => help());
head.on('logout', async () => {
  const session = sessionKey.header;
  await post('/api/logout', {}).catch(() => {}); // a session that is over needs no end
  sessionKey.forget(session);
  location.replace('/login');
});
view.on('changed', open);

const loadTimeline = () => timeline.load(status.stats?.oldest ? parseTime(status.stats.oldest) : 0, clock.now(), view.selection);
const help = () => at('help').showModal();
const toggleSide = collapsible('side'), toggleSend = collapsible('send');
const parts = { list, box, detail, send, retained, panel, topicPanel, charts, choice, goTo, view, travel, search };
const keys = commands(parts, {
  selected, openDetail, closeDetail, side, help, toggleSide, toggleSend, save,
  copy: async (value, words) => {
    const result = await detail.copy(value, `${words} copied`);
    if (!detail.open) list.flash(result);
  },
});
bindKeys(keys);
fillHelp(at('help'), keys);

const showHead = () => head.show(status, session, senders, clock.now());
status.on('changed', () => { senders.setAway(status.away()); showHead(); });
status.on('stats', (stats) => {
  senders.setCounts(stats.states);
  if (stats.senders !== sendersCounted) sendersChanged(); // one that is not in the list yet
  sendersCounted = stats.senders;
  list.setFirstID(stats.first_id);
  rail.setRange(stats.first_id, stats.last_id, view.filter || view.sender ? 'the ids of the whole history, of which the filter shows some' : 'the whole history');
});
senders.on('changed', () => {
  showHead();
  if (!senders.get(box.example)) box.example = senders.list.find((s) => s.ours)?.name ?? '';
});
setInterval(() => { if (!document.hidden) showHead(); }, 1000);
shared.on('sender', (s) => {
  senders.update(s);
  announcer.state(s.sender, s.state);
  notices.state(s.sender, s.state);
  sendersChanged();
});
shared.on('state', ({ state }) => { if (state === 'connected' && session.phase === 'live') senders.load().catch(() => {}); });

const loadAside = asidesReader([
  { every: 5000, load: () => senders.load(), shown: () => at('senders').offsetParent },
  { every: 2000, load: () => topics.load(clock.now()), shown: () => at('topics').offsetParent },
  { every: 5000, load: () => loadTimeline(), shown: () => timeline.node.offsetParent },
]);

status.on('stats', () => { if (!document.hidden && session.phase === 'live') loadAside(false); });

let sendersTimer = 0, sendersCounted = 0;

const sendersEvery = 500; // ms: of thousands of senders the state of some changes all the time

/** The list of senders is another one, or in another order. */
function sendersChanged() {
  sendersTimer ||= setTimeout(() => {
    sendersTimer = 0;
    if (session.phase === 'live' && !document.hidden) senders.load().catch(() => {});
  }, sendersEvery);
}

open();
