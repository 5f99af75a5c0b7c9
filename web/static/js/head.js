// The first line: the installation, the path of a message, the counts.

import { attribute, el, text } from './dom.js';
import { Emitter } from './emitter.js';
import { clean, cleanTopic } from './clean.js';
import { age, bytes, count, elapsed, parseTime, plural, timeOfDay } from './format.js';
import { sessionKey } from './sessionkey.js';
import { stateSign } from './states.js';

const mostMissed = 5; // senders that are named

/** Emits "side", "theme", "help", "notify", "missed" (its number was pressed) and "logout". */
export class Head extends Emitter {
  /** @param {HTMLElement} root @param {HTMLElement} banner */
  constructor(root, banner) {
    super();
    this.banner = banner;
    this.name = el('bdi.name');
    this.senders = el('span.link');
    this.broker = link('broker');
    this.receiver = link('receiver');
    this.you = link('you');
    this.received = figure('received', 'messages that arrived, ever');
    this.stored = figure('stored', 'of those, stored (the others had been stored before)');
    this.evicted = figure('evicted', 'stored once, removed by retention');
    this.damaged = figure('damaged', 'stored messages found unreadable on the disk; they are left out');
    this.damaged.node.classList.add('bad');
    this.damaged.node.hidden = true;
    this.missed = figure('missed', 'sequence numbers that never came');
    this.gaps = el('button.figure.quiet.missed', { type: 'button', hidden: true, onclick: () => this.emit('missed') });
    const arrow = () => el('span.arrow', { 'aria-hidden': 'true' }, '→');
    root.append(
      el('h1', {}, 'hellox'), this.name,
      el('div.path', { role: 'group', 'aria-label': 'the path of a message' }, this.senders, arrow(), this.broker.node, arrow(), this.receiver.node, arrow(), this.you.node),
      el('div.figures', {}, this.received.node, this.stored.node, this.evicted.node, this.missed.node, this.gaps, this.damaged.node),
      el('div.buttons', {},
        el('button.quiet.side', { type: 'button', title: 'hide or show senders and intervals ([)', onclick: () => this.emit('side') }, 'panel'),
        this.notify = el('button.quiet', { type: 'button', onclick: () => this.emit('notify') }, 'notify'),
        el('button.quiet', { type: 'button', title: 'light or dark (T)', onclick: () => this.emit('theme') }, 'theme'),
        el('button.quiet', { type: 'button', title: 'keys and filters (?)', onclick: () => this.emit('help') }, 'help'),
        el('button.quiet', { type: 'button', hidden: !sessionKey.known, onclick: () => this.emit('logout') }, 'log out')));
  }

  /**
   * @param {import('./status.js').Status} status
   * @param {import('./session.js').Session} session
   * @param {import('./senders.js').Senders} senders
   * @param {number} now the receiver's clock
   */
  show(status, session, senders, now) {
    const { stats, stream, failure } = status;
    this.#showSenders(senders, stats?.senders ?? 0);
    if (stats) {
      text(this.name, clean(stats.name ?? ''));
      const title = (stats.name ? clean(stats.name) + ' · ' : '') + 'hellox';
      if (document.title !== title) document.title = title;
      this.received.show(stats.received);
      this.stored.show(stats.stored);
      this.evicted.show(stats.evicted);
      this.damaged.show(stats.damaged);
      this.damaged.node.hidden = !stats.damaged;
      this.missed.show(stats.missed);
      text(this.gaps, `missed\u00a0${count(stats.missed)}`);
      attribute(this.gaps, 'title', missedWords(senders));
      this.missed.node.hidden = stats.missed > 0;
      this.gaps.hidden = stats.missed === 0;
      attribute(this.stored.node, 'title', `stored: ${bytes(stats.bytes)}${stats.limit ? ' of at most ' + bytes(stats.limit) : ''}; ${count(stats.duplicates)} arrived again`);
    }
    const wait = (at, clock) => (at > clock ? `in ${Math.ceil((at - clock) / 1000)}\u202fs` : 'now');
    const broker = stats?.link;
    if (failure || !broker) this.broker.show('◌', 'off', '', 'unknown while the receiver does not answer');
    else if (broker.state === 'connected' && stats.degraded && ['broker', 'both'].includes(stats.degraded_by)) this.broker.show('◐', 'warn', 'degraded', clean(stats.degraded));
    else if (broker.state === 'connected') this.broker.show('●', 'good', '', `connected since ${timeOfDay(parseTime(broker.since))}`);
    else this.broker.show('◌', 'off', broker.retry ? 'retry ' + wait(parseTime(broker.retry), now) : broker.state, clean(broker.cause ?? broker.state));
    if (failure) this.receiver.show('○', 'bad', 'no answer', clean(failure.cause));
    else if (!stats) this.receiver.show('◌', 'off', '', 'asking');
    else if (stats.degraded && stats.degraded_by !== 'broker') this.receiver.show('◐', 'warn', 'degraded', clean(stats.degraded));
    else this.receiver.show('●', 'good', '', `up since ${timeOfDay(parseTime(stats.started))}`);
    this.#showYou(session, stream, wait);
    this.#showBanner(status, now, wait);
  }

  #showYou({ phase, error, retry }, stream, wait) {
    if (phase === 'refused') this.you.show('○', 'off', 'filter', 'the filter does not parse: nothing is followed');
    else if (phase === 'resting') this.you.show('◌', 'off', 'idle', 'a hidden page follows nothing and catches up when it is shown again');
    else if (phase === 'failed') this.you.show('◌', 'off', 'retry ' + wait(retry, Date.now()), clean(error.message));
    else if (stream.state === 'connected') this.you.show('●', 'good', '', `connected since ${timeOfDay(stream.since)}`);
    else this.you.show('◌', 'off', stream.retry ? 'retry ' + wait(stream.retry, Date.now()) : stream.state, clean(stream.cause));
  }

  #showSenders(senders, n) {
    const counts = senders.counts();
    const key = n + ' ' + counts.join();
    if (this.senders.dataset.key === key) return;
    this.senders.dataset.key = key;
    this.senders.replaceChildren(`${count(n)} ${plural(n, 'sender')}`, ...counts.map(([state, many]) => {
      const { sign, kind } = stateSign(state);
      return el('span', { class: 'state ' + kind, title: `${many} ${state}` }, el('span', { 'aria-hidden': 'true' }, sign), count(many), el('span.visually-hidden', {}, ' ' + state));
    }));
  }

  /** Shows whether the browser tells of trouble. */
  showNotify(on, refused) {
    attribute(this.notify, 'aria-pressed', String(on));
    attribute(this.notify, 'title', refused ? 'the browser does not allow notifications here' : 'a notification when a sender falls silent or messages are missing, while you look elsewhere');
    this.notify.disabled = refused;
  }

  /** Shows what is wrong, since when, and what happens next. */
  #showBanner({ stats, failure }, now, wait) {
    let words = '', kind = '';
    if (failure) {
      kind = 'bad';
      words = `The receiver does not answer since ${timeOfDay(failure.since)} (${age(Date.now() - failure.since)}): ${clean(failure.cause)}. ` +
        `Messages received before stay here; next attempt ${wait(failure.retry, Date.now())}.`;
    } else if (stats?.degraded) {
      kind = 'warn';
      words = `Degraded: ${clean(stats.degraded)} Broadcasters keep what is not acknowledged and send it again.`;
    } else if (stats && stats.link.state !== 'connected' && stats.link.state !== 'connecting') {
      kind = 'bad';
      const since = parseTime(stats.link.since);
      words = `The receiver is without the broker since ${timeOfDay(since)} (${elapsed(now - since)})${stats.link.cause ? ': ' + clean(stats.link.cause) : ''}. ` +
        (stats.link.retry ? `Next attempt ${wait(parseTime(stats.link.retry), now)}.` : 'It does not try again.');
    }
    this.banner.hidden = !words;
    this.banner.className = kind;
    text(this.banner, words);
  }
}

/** What the button with the missed messages tells: of which senders they are, most first. @param {import('./senders.js').Senders} senders */
function missedWords(senders) {
  const of = senders.known.filter((s) => s.facts.missed > 0).sort((a, b) => b.facts.missed - a.facts.missed);
  const names = of.slice(0, mostMissed).map((s) => `${cleanTopic(s.name)} (${count(s.facts.missed)})`).join(', ') + (of.length > mostMissed ? ', …' : '');
  return `sequence numbers that never came${names && ', of ' + names}: press to show only the messages before which some are missing`;
}

/** One station of the path. */
function link(name) {
  const sign = el('span.sign', { role: 'img' }), words = el('span.words');
  const node = el('span.link', {}, name + '\u00a0', sign, words);
  return {
    node,
    show(s, kind, w, title) {
      text(sign, s);
      attribute(sign, 'class', 'sign ' + kind);
      attribute(sign, 'aria-label', title || kind);
      text(words, w ? '\u00a0' + w : '');
      attribute(node, 'title', title || null);
    },
  };
}

/** A number with its name. */
function figure(name, title) {
  const value = el('b', {}, '–');
  return { node: el('span.figure.' + name, { title }, name + '\u00a0', value), show: (n) => text(value, count(n)) };
}
