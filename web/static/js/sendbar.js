// The send form: commands one broadcaster, or publishes to a topic.

import { attribute, el, text } from './dom.js';
import { get, post } from './api.js';
import { clean, cleanTopic } from './clean.js';
import { bytes, latency } from './format.js';
import { looksLikeJSON } from './jsontext.js';
import { payloadJSON, summary } from './payload.js';
import { Emitter } from './emitter.js';

const aTopic = ''; // value of the option that publishes
const resultTime = 10_000; // ms until a result that is well recedes
const verbs = ['say', 'pause', 'resume', 'interval', 'identify'];

/** The form below the list. Emits "retained" when the list of what the broker retains is asked for, and "asked" before a key or a button brings something into it. */
export class SendBar extends Emitter {
  #clearing = ''; // the topic whose retained message the next press clears
  #asked = ''; // the payload that is not JSON and is sent by the next press
  #fade = 0;

  #senders;
  #pending = ''; // selected before the broadcaster was known

  /** @param {HTMLFormElement} form @param {import('./senders.js').Senders} senders */
  constructor(form, senders) {
    super();
    this.#senders = senders;
    const field = (name, props) => el('input', { name, type: 'text', 'aria-label': name, spellcheck: 'false', ...props });
    this.to = el('select', { 'aria-label': 'send to', onchange: () => this.#showFields() });
    this.verb = el('select', { 'aria-label': 'what to do', onchange: () => this.#showFields() }, ...verbs.map((v) => el('option', { value: v }, v)));
    this.text = field('text', { placeholder: 'text', class: 'grow' });
    this.topic = field('topic', { value: 'hello_world/publish', class: 'topic' });
    this.min = field('shortest interval', { value: '1s', class: 'short' });
    this.max = field('longest interval', { value: '10s', class: 'short' });
    this.qos = el('select.qos', { 'aria-label': 'QoS' }, ...[0, 1, 2].map((q) => el('option', { value: q, selected: q === 1 }, 'QoS ' + q)));
    this.retain = el('input', { type: 'checkbox' });
    this.retainLabel = el('label.check', { title: 'the broker retains it for later subscribers' }, this.retain, 'retain');
    this.list = el('button.quiet.retained', { type: 'button', title: 'what the broker retains', onclick: () => this.emit('retained') }, 'retained …');
    this.send = el('button', { type: 'submit' }, 'Send');
    this.result = el('output.result', { role: 'status' });
    form.append(el('label', {}, 'send to', this.to), this.verb, this.topic, this.text, this.min, this.max, this.qos, this.retainLabel, this.list, this.send, this.result);
    form.addEventListener('submit', (e) => { e.preventDefault(); this.#submit(); });
    form.addEventListener('input', () => this.#reset());
    form.addEventListener('keydown', (e) => {
      e.stopPropagation();
      if (e.key === 'Escape') {
        this.#reset();
        document.activeElement.blur();
      }
    });
    senders.on('changed', () => this.#showTargets());
    this.#showTargets();
    this.#showFields();
  }

  focus() { (this.text.hidden ? this.send : this.text).focus(); }

  /** Publishes next; to the topic, if there is one. */
  publish(topic) {
    this.#toTopic();
    if (topic && !topic.startsWith('hellox/')) this.topic.value = topic;
    this.#reset();
    this.focus();
  }

  /** Commands the broadcaster of that name next, or without one the one that is chosen; asks for one rather than publish what is typed. */
  tell(name) {
    this.emit('asked');
    if (name) this.select(name);
    this.#reset();
    if (name ? this.to.value === name : this.to.value !== aTopic) {
      this.focus();
      return;
    }
    this.#toTopic();
    this.to.focus();
    this.#showResult('warn', (name ? `${cleanTopic(name)} is no broadcaster` : 'no broadcaster is chosen') + ': select one of its messages first, or choose it here');
  }

  /** Selects the broadcaster to command, once it is known. */
  select(name) {
    this.#pending = name;
    if (![...this.to.options].some((o) => o.value === name)) return;
    this.#pending = '';
    this.to.value = name;
    this.#showFields();
  }

  /** Puts a message into the form, to be sent again or changed. */
  edit({ topic, payload }) {
    this.#toTopic();
    this.topic.value = topic;
    this.text.value = payload;
    this.retain.checked = false;
    this.#reset();
    this.focus();
  }

  /** What is sent next goes to a topic. */
  #toTopic() {
    this.emit('asked');
    this.to.value = aTopic;
    this.#showFields();
  }

  /** What was asked or told is of another message. */
  #reset() {
    this.#clearing = this.#asked = '';
    text(this.send, 'Send');
    this.send.classList.remove('bad');
    const wrong = this.#wrong();
    this.#showResult(wrong && 'warn', wrong && `not JSON: ${wrong}`);
  }

  /** Asks before what looks like JSON and is none is sent: whether it is to be sent. */
  #maySend(wrong) {
    if (!wrong || this.#asked === this.text.value) return true;
    this.#showResult('warn', `not JSON: ${wrong}. Press again to send it as it is`);
    this.#asked = this.text.value;
    text(this.send, 'Send it');
    return false;
  }

  /** Asks before a retained message is cleared: whether it is to be sent. */
  async #mayClear(topic) {
    if (!this.retain.checked || this.text.value !== '' || this.#clearing === topic) return true;
    const { messages } = await get('/api/retained', { topic });
    if (!messages.length) {
      this.#showResult('', `the broker retains nothing on ${cleanTopic(topic)}: nothing was sent`);
      return false;
    }
    this.#showResult('warn', `an empty payload clears what the broker retains on ${cleanTopic(topic)}: ${summary(messages[0])} (${bytes(messages[0].bytes)}). Press again to clear it, Esc keeps it`);
    this.#clearing = topic;
    text(this.send, 'Clear it');
    this.send.classList.add('bad');
    return false;
  }

  /** Why the payload is not what it looks like; '' if nothing is wrong. */
  #wrong() {
    const m = { payload: this.text.value };
    return !this.text.hidden && this.to.value === aTopic && looksLikeJSON(m.payload) && /^\s*[[{]/.test(m.payload) ? payloadJSON(m).problem ?? '' : '';
  }

  #showTargets() {
    const names = this.#senders.known.filter((s) => s.ours).map((s) => s.name);
    if (this.to.options.length === names.length + 1 && names.every((n, i) => this.to.options[i + 1].value === n)) return;
    const chosen = this.#pending || this.to.value;
    if (names.includes(chosen)) this.#pending = '';
    this.to.replaceChildren(el('option', { value: aTopic }, 'a topic'), ...names.map((n) => el('option', { value: n }, cleanTopic(n))));
    this.to.value = names.includes(chosen) ? chosen : aTopic;
    this.#showFields();
  }

  #showFields() {
    const publish = this.to.value === aTopic, verb = this.verb.value;
    this.verb.hidden = publish;
    this.topic.hidden = this.qos.hidden = this.retainLabel.hidden = this.list.hidden = !publish;
    this.text.hidden = !publish && verb !== 'say';
    this.min.hidden = this.max.hidden = publish || verb !== 'interval';
    attribute(this.text, 'placeholder', publish ? 'payload' : 'text');
  }

  async #submit() {
    const publish = this.to.value === aTopic, to = this.to.value, verb = this.verb.value;
    this.send.disabled = true;
    this.#showResult('', '…');
    const begun = performance.now();
    try {
      if (publish) {
        const topic = this.topic.value, wrong = this.#wrong();
        if (!this.#maySend(wrong) || !(await this.#mayClear(topic))) return;
        const answer = await post('/api/publish', { topic, payload: this.text.value, qos: Number(this.qos.value), retain: this.retain.checked });
        const told = `published ✓ ${latency(performance.now() - begun)}`;
        this.retain.checked = false;
        this.#reset();
        if (!answer.stored) this.#showResult('warn', `${told}; it is not shown here: ${clean(answer.unstored)}`);
        else this.#showResult(wrong ? 'warn' : 'good', told + (wrong ? `; not JSON: ${wrong}` : ''));
      } else {
        const command = { to, do: verb };
        if (verb === 'say') command.text = this.text.value;
        if (verb === 'interval') Object.assign(command, { min: this.min.value, max: this.max.value });
        const answer = await post('/api/command', command);
        const took = latency(answer.round_trip_ms);
        if (answer.ok) this.#showResult('good', `${cleanTopic(to)} answered ✓ ${took}: ${done(command)}${mode(answer.state)}`);
        else this.#showResult('bad', `${cleanTopic(to)} refused ✗ ${took}: ${clean(answer.error ?? '')}`);
      }
      if (!this.text.hidden) this.text.select();
    } catch (error) {
      this.#showResult('bad', '✗ ' + clean(error.message));
    } finally {
      this.send.disabled = false;
    }
  }

  #showResult(kind, words) {
    clearTimeout(this.#fade);
    this.result.className = 'result ' + kind;
    if (kind === 'good') this.#fade = setTimeout(() => { this.result.className = 'result hint'; }, resultTime);
    text(this.result, words);
    attribute(this.result, 'title', words);
  }
}

/** What a broadcaster has done that answered ok; '' if its state says that. */
function done(command) {
  const all = [...clean(command.text ?? '')];
  const said = all.length > 40 ? all.slice(0, 39).join('') + '…' : all.join('');
  return { say: `said "${said}"; `, identify: 'said who it is; ', resume: 'resumed; ' }[command.do] ?? '';
}

/** A broadcaster's state in words. */
const mode = (state) => `${state?.paused ? 'paused' : 'every'} ${clean(state?.min ?? '?')} … ${clean(state?.max ?? '?')}`;
