// The send form: commands one broadcaster, or publishes to a topic.

import { attribute, el, text } from './dom.js';
import { post } from './api.js';
import { clean, cleanTopic } from './clean.js';
import { latency } from './format.js';

const aTopic = ''; // value of the option that publishes
const verbs = ['say', 'pause', 'resume', 'interval', 'identify'];

/** The form below the list. */
export class SendBar {
  #senders;
  #pending = ''; // selected before the broadcaster was known

  /** @param {HTMLFormElement} form @param {import('./senders.js').Senders} senders */
  constructor(form, senders) {
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
    this.send = el('button', { type: 'submit' }, 'Send');
    this.result = el('output.result', { role: 'status' });
    form.append(el('label', {}, 'send to', this.to), this.verb, this.topic, this.text, this.min, this.max, this.qos, this.retainLabel, this.send, this.result);
    form.addEventListener('submit', (e) => { e.preventDefault(); this.#submit(); });
    form.addEventListener('keydown', (e) => {
      e.stopPropagation();
      if (e.key === 'Escape') document.activeElement.blur();
    });
    senders.on('changed', () => this.#showTargets());
    this.#showTargets();
    this.#showFields();
  }

  focus() { (this.text.hidden ? this.send : this.text).focus(); }

  /** Selects the broadcaster to command, once it is known. */
  select(name) {
    this.#pending = name;
    if (![...this.to.options].some((o) => o.value === name)) return;
    this.#pending = '';
    this.to.value = name;
    this.#showFields();
  }

  #showTargets() {
    const names = this.#senders.list.filter((s) => s.ours).map((s) => s.name);
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
    this.topic.hidden = this.qos.hidden = this.retainLabel.hidden = !publish;
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
        await post('/api/publish', { topic: this.topic.value, payload: this.text.value, qos: Number(this.qos.value), retain: this.retain.checked });
        this.#showResult('good', `published ✓ ${latency(performance.now() - begun)}`);
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
    this.result.className = 'result ' + kind;
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
