package broadcast

import (
	"encoding/json"
	"fmt"
	"time"

	"hellox/stream"
	"hellox/stream/mqtt"
	"hellox/stream/safetext"
)

// handleControl handles a message to the broadcaster itself.
func (b *broadcaster) handleControl(m stream.Arrival) {
	switch m.Topic {
	case stream.PresenceTopic(b.id):
		b.handlePresence(m.Payload)
	case stream.CommandTopic(b.id):
		if m.Retained {
			return // of another time
		}
		b.handleCommand(m.Payload)
	}
}

// handlePresence corrects a presence that contradicts a connected broadcaster:
// the last will of a connection that it has replaced arrives late.
func (b *broadcaster) handlePresence(payload []byte) {
	var p stream.Presence
	if err := json.Unmarshal(payload, &p); err != nil {
		return
	}
	switch {
	case p.State == "here" && p.Boot != b.boot:
		b.Log.Warn("another broadcaster has the same id", "id", b.id, "its boot", p.Boot)
	case p.State != "here":
		b.publishPresence()
	}
}

// publishPresence publishes that the broadcaster is here, and how it stands. It
// does nothing without a connection: a new one begins with it.
func (b *broadcaster) publishPresence() {
	if b.client == nil {
		return
	}
	// One that a lost connection leaves unacknowledged is published again anyway.
	published := time.Now()
	acked, err := b.client.Publish(mqtt.Message{Topic: stream.PresenceTopic(b.id), Payload: b.presence("here"), QoS: 1, Retain: true})
	if err == nil {
		b.present, b.presentAt = acked, published
	}
}

// onPresenceAcked logs that the broker has not retained the presence: who comes later
// does not know of this broadcaster.
func (b *broadcaster) onPresenceAcked() {
	b.present = nil
	why := ""
	if err := b.client.RefusedSince(b.presentAt); err != nil {
		why = err.Error()
	}
	b.fleet.presenceAcked(b.id, why)
}

// handleCommand executes a command and answers it.
func (b *broadcaster) handleCommand(payload []byte) {
	var c stream.Command
	err := json.Unmarshal(payload, &c)
	if err == nil {
		err = c.Check()
	}
	was := b.mode
	if err == nil {
		err = b.execute(c)
	}
	if b.mode != was {
		b.publishPresence() // before the answer: who has read that sees this
	}
	answer := stream.Answer{ID: c.ID, OK: err == nil, State: b.mode}
	if err != nil {
		answer.Error = safetext.Clean(err.Error())
	}
	b.Log.Info("command", "id", b.id, "do", string(c.Do), "ok", answer.OK, "error", answer.Error)
	b.answer(answer)
}

func (b *broadcaster) execute(c stream.Command) error {
	switch c.Do {
	case stream.Say:
		return b.enqueueNow(c.Text)
	case stream.Identify:
		return b.enqueueNow("This is " + b.id)
	case stream.Pause:
		b.mode.Paused = true
		b.timer.Stop()
	case stream.Resume:
		if b.mode.Paused {
			b.mode.Paused = false
			b.schedule()
		}
	case stream.Interval:
		b.mode.Min, b.mode.Max = c.Min, c.Max
		if !b.mode.Paused {
			b.schedule()
		}
	}
	return nil
}

// enqueueNow enqueues text between two messages; the next one comes when it
// would have.
func (b *broadcaster) enqueueNow(text string) error {
	next := max(b.next.Sub(b.Now()), 1)
	if b.mode.Paused {
		next = 0
	}
	if !b.enqueue(text, next) {
		return fmt.Errorf("%d messages wait for the broker: there is no room for another", len(b.pending))
	}
	return nil
}

// answer needs no acknowledgement: who asked, waits for it.
func (b *broadcaster) answer(a stream.Answer) {
	if b.client == nil {
		return
	}
	payload, err := json.Marshal(a)
	if err != nil {
		b.Log.Error("answer a command", "id", b.id, "error", err)
		return
	}
	_, _ = b.client.Publish(mqtt.Message{Topic: stream.AnswerTopic(b.id), Payload: payload})
}
