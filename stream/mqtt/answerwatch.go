package mqtt

import (
	"sync/atomic"
	"time"
)

// An answerWatch ends a connection whose broker owes an acknowledgement and says nothing
// at all. MQTT sets no time for an acknowledgement, and a broker may well hold one back;
// but then it answers a PINGREQ. That of a machine that was cut off does not, and nothing
// else tells for long: its TCP may have acknowledged the message before, so that the
// kernel waits for nothing, and the ping of the keep alive may have been sent just before.
type answerWatch struct {
	frames *frameReader
	owed   func() bool // an acknowledgement is awaited
	every  time.Duration
	timer  *time.Timer // runs look; begin starts it and end stops it

	reads   atomic.Uint64 // of the connection that have returned
	reading atomic.Bool   // one is under way: the handler does not keep it waiting
	on      atomic.Bool   // look will run
	closed  atomic.Bool

	// Of what look has seen; only it uses them, and begin before it.
	seen   uint64 // reads
	silent int    // looks in a row at which nothing had been read since the one before
}

// A broker is asked for an answer at the first look at which it has been silent, and given
// up at the one of silentLooks: it has 6 s to answer, and is missed within 10.
const (
	lookEvery   = 2 * time.Second
	silentLooks = 4
)

func newAnswerWatch(f *frameReader) *answerWatch {
	w := &answerWatch{frames: f, every: lookEvery, owed: func() bool { return false }}
	w.timer = time.AfterFunc(time.Hour, w.look)
	w.timer.Stop()
	return w
}

// begin is called when a message was published that is to be acknowledged.
func (w *answerWatch) begin() {
	if w.on.CompareAndSwap(false, true) {
		w.seen, w.silent = w.reads.Load(), 0
		w.timer.Reset(w.every)
	}
}

// end is called when the connection has ended: what it owes is owed for ever.
func (w *answerWatch) end() {
	w.closed.Store(true)
	w.timer.Stop()
}

func (w *answerWatch) look() {
	if w.closed.Load() {
		return
	}
	if !w.owed() {
		w.on.Store(false)
		if w.owed() { // since then, and begin was not needed
			w.begin()
		}
		return
	}
	reads := w.reads.Load()
	if w.silent++; reads != w.seen || !w.reading.Load() {
		w.silent = 0
	}
	w.seen = reads
	switch w.silent {
	case 1:
		if !w.frames.askForAnswer() {
			return
		}
	case silentLooks:
		_ = w.frames.SetReadDeadline(time.Now()) // the reader notices and paho learns of it; an error says that it has ended
		return
	}
	w.timer.Reset(w.every)
}
