// What the keys do, as far as the terminal's keys mean something here: the same.

import { senderTerm, topicTerm } from './filterterms.js';
import { cleanTopic } from './clean.js';
import { count } from './format.js';
import { payloadText } from './payload.js';
import { toggleTheme } from './theme.js';

const slot = 10_000, slots = 60_000; // ms that a key goes back or on

/**
 * The keys, with their help; those with "row" are for the selected message.
 * @param {object} parts  of the page, by their names in main.js
 * @param {object} does  what main.js does for several of them
 * @returns {import('./keys.js').Key[]}
 */
export function commands(parts, does) {
  const keys = [...moving(parts, does), ...showing(parts, does), ...filtering(parts, does), ...acting(parts, does, () => keys), ...ofThePage(parts, does)];
  return keys;
}

/** Keys that go through the parts of the page and the history. */
const moving = ({ list, panel, topicPanel, charts, goTo, travel, search }, does) => [
  { keys: ['1'], shown: '1', words: 'stream', run: () => list.focus() },
  { keys: ['2'], shown: '2', words: 'topics', run: () => { does.side('topics'); topicPanel.viewport.focus(); } },
  { keys: ['3'], shown: '3', words: 'senders', run: () => { does.side('senders'); panel.viewport.focus(); } },
  { keys: ['4'], shown: '4', words: 'charts', run: () => { does.side('charts'); charts.rates.place.focus(); } },
  { keys: ['j', 'ArrowDown'], shown: 'j ↓', words: 'next message', run: () => list.move(1) },
  { keys: ['k', 'ArrowUp'], shown: 'k ↑', words: 'previous message', run: () => list.move(-1) },
  { keys: ['PageDown'], shown: 'PgDn', words: 'a page on', run: () => list.move(list.pageRows) },
  { keys: ['PageUp', 'b'], shown: 'PgUp b', words: 'a page back', run: () => list.move(-list.pageRows) },
  { keys: ['G', 'End'], shown: 'G', words: 'newest', run: () => travel.newest() },
  { keys: ['g', 'Home'], shown: 'g', words: 'oldest', run: () => travel.oldest() },
  { keys: ['n'], shown: 'n', words: 'next found', run: () => search.go(true) },
  { keys: ['N'], shown: 'N', words: 'previous found', run: () => search.go(false) },
  { keys: [':'], shown: ':', words: 'go to time or ID', run: () => goTo.ask() },
  { keys: ['h', 'ArrowLeft'], shown: '← h', words: '10 s back, shift: 1 min', run: (e) => travel.by(e.shiftKey ? -slots : -slot) },
  { keys: ['l', 'ArrowRight'], shown: '→ l', words: '10 s on, shift: 1 min', run: (e) => travel.by(e.shiftKey ? slots : slot) },
  { keys: [' '], shown: 'space', words: 'pause, go on', run: () => (list.paused || !list.following ? travel.newest() : list.setFollow(false, true)) },
  { keys: ['.'], shown: '.', words: 'let one message in, while paused', run: () => list.step() },
];

/** Keys of the detail. */
const showing = ({ detail, view }, does) => [
  { keys: ['Enter'], shown: 'enter', words: 'detail', row: true, run: does.openDetail },
  { keys: ['x'], shown: 'x', words: 'json, raw, hex, changes', row: true, run: () => { if (detail.open) detail.next(); else does.openDetail(); } },
  { keys: ['d'], shown: 'd', words: 'detail: changes', row: true, run: () => { if (!detail.open) does.openDetail(); detail.toggleChanges(); } },
  { keys: ['v'], shown: 'v', words: 'detail: graph of the number', run: () => detail.toggleGraph() },
  { keys: ['f'], shown: 'f', words: 'detail: filter on this value', run: () => (detail.open && detail.term ? view.toggleTerm(detail.term) : only(view, does)) },
  { keys: ['<'], shown: '<', words: 'narrower detail', run: () => detail.widen(-1) },
  { keys: ['>'], shown: '>', words: 'wider detail', run: () => detail.widen(1) },
  { keys: ['Escape'], shown: 'esc', words: 'close', run: does.closeDetail },
];

/** Keys that change what is selected. */
const filtering = ({ box, detail, choice, view }, does) => {
  const term = (not) => () => {
    const m = does.selected();
    if (m) choice.ask(not ? 'leave out' : 'show only', termsOf(m, detail.term).map(([key, words, of]) => ({ key, words, run: () => view.toggleTerm((not ? '-' : '') + of) })));
  };
  return [
    { keys: ['/'], shown: '/', words: 'filter', run: () => box.focus() },
    { keys: ['s'], shown: 's', words: 'only this sender', row: true, run: () => only(view, does) },
    { keys: ['+'], shown: '+', words: 'include sender or topic', row: true, run: term(false) },
    { keys: ['-'], shown: '-', words: 'exclude sender or topic', row: true, run: term(true) },
    { keys: ['Backspace'], shown: '⌫', words: 'drop the last term', run: () => view.dropTerm() },
  ];
};

/** Shows the sender of the selected message only, or all again. */
function only(view, { selected }) {
  const sender = selected()?.sender ?? view.sender;
  if (sender) view.choose(sender);
}

/** The terms that a message may be filtered by: [key, words, term]. @param {object} m @param {string} value  the term of a value of its payload, or '' */
function termsOf(m, value) {
  const above = m.topic.slice(0, m.topic.lastIndexOf('/'));
  const terms = [['s', `sender ${cleanTopic(m.sender)}`, senderTerm(m.sender)], ['t', `topic ${cleanTopic(m.topic)}`, topicTerm(m.topic)], ['b', `below ${cleanTopic(m.topic)}/#`, topicTerm(m.topic, true)]];
  if (above) terms.push(['u', `under ${cleanTopic(above)}/#`, topicTerm(above, true)]);
  if (value) terms.push(['v', `value ${cleanTopic(value)}`, value]);
  return terms;
}

/** Keys that do something with messages. */
const acting = ({ list, detail, send, retained, choice, view }, does, all) => {
  const { selected } = does;
  const edit = () => {
    const m = selected();
    if (m && payloadText(m) != null && !m.topic.startsWith('hellox/')) send.edit({ topic: m.topic, payload: payloadText(m) });
  };
  const copy = () => {
    const m = selected();
    if (m) choice.ask(`copy of #${count(m.id)}`, detail.copies(m, view.address({ id: m.id, at: m.id })).map(({ key, words, value }) => ({ key, words, run: () => does.copy(value, words) })));
  };
  const actions = () => {
    if (!selected()) list.move(0);
    const m = selected();
    if (m) choice.ask(`#${count(m.id)} of ${cleanTopic(m.sender)}`, all().filter((k) => k.row).map(({ shown, words, run }) => ({ key: shown, words, run })));
  };
  return [
    { keys: ['y'], shown: 'y', words: 'copy', row: true, run: copy },
    { keys: ['a'], shown: 'a', words: 'actions', run: actions },
    { keys: ['p'], shown: 'p', words: 'publish', row: true, run: () => send.publish(selected()?.topic) },
    { keys: ['e'], shown: 'e', words: 'edit and publish', row: true, run: edit },
    { keys: ['t'], shown: 't', words: 'tell', row: true, run: () => send.tell(selected()?.sender ?? view.sender) },
    { keys: ['Delete'], shown: 'del', words: 'clear what is retained', row: true, run: () => retained.open(selected()?.topic) },
    { keys: ['r'], shown: 'r', words: 'save what is selected', run: () => choice.ask('save what is selected', [
      { key: 'n', words: 'NDJSON', run: () => does.save('ndjson') }, { key: 'c', words: 'CSV', run: () => does.save('spreadsheet') }]) },
  ];
};

/** Keys of the page itself. */
const ofThePage = ({ panel }, does) => [
  { keys: ['S'], shown: 'S', words: 'senders in the next order', run: () => panel.nextOrder() },
  { keys: ['['], shown: '[', words: 'hide or show the left panel', run: () => does.toggleSide() },
  { keys: [']'], shown: ']', words: 'hide or show the send line', run: () => does.toggleSend() },
  { keys: ['T'], shown: 'T', words: 'light or dark', run: toggleTheme },
  { keys: ['?'], shown: '?', words: 'help', run: does.help },
];
