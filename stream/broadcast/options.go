package broadcast

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"

	"hellox/stream"
	"hellox/stream/mqtt"
)

// Options configures Run: what is published, how often and by how many.
type Options struct {
	Broker mqtt.Broker
	Topic  string        // "": TopicBroadcast; {id} stands for the broadcaster's id
	ID     string        // of the broadcaster; of many, ID-0, ID-1, …
	Text   string        // "": "Hello world"
	Min    time.Duration // the shortest time between two messages
	Max    time.Duration // the longest
	Count  int           // so many broadcasters, each with its own connection; 0 means 1
	// Total is how many broadcasters a fleet has that is spread over processes, of which
	// this one runs the share that ID names (stream.ShareOf); 0: this process is alone.
	// It is not given with Count.
	Total int
	// Totals gives another Total while Run runs. Broadcasters of both go on, those that
	// are no more end, and then those that are new begin. nil: Total stays.
	Totals <-chan int
	// Crowd: it is one of very many in this process, which Count does not tell.
	Crowd bool
	Plain bool // the payload is the text alone, else a Hello as JSON
	QoS   byte

	// Interval draws the time until the next message, from least to most;
	// nil: uniform. It is called from every broadcaster's goroutine.
	Interval func(least, most time.Duration) time.Duration
	Now      func() time.Time      // nil: time.Now
	Log      *slog.Logger          // nil: silent
	Metrics  prometheus.Registerer // nil: none

	// Acked is called with each message that the broker has acknowledged, of QoS 1
	// and 2, in the order of its sender. It is called from every
	// broadcaster's goroutine, which waits for it. nil: not called.
	Acked func(id string, h stream.Hello)
	// Link is called with each change of a broadcaster's connection. It must
	// not block. nil: not called.
	Link func(id string, l stream.Link)
}

// maxPending is how many messages all broadcasters of a process may hold that
// the broker has not acknowledged; maxPendingEach is one broadcaster's most.
const (
	maxPending     = 100_000
	maxPendingEach = 10_000
	minPendingEach = 100
)

func (o *Options) withDefaults() Options {
	d := *o
	if d.Topic == "" {
		d.Topic = stream.TopicBroadcast
	}
	if d.Text == "" {
		d.Text = "Hello world"
	}
	if d.Total > 0 {
		d.Count = d.share().Count
	} else if d.Count == 0 {
		d.Count = 1
	}
	if d.Interval == nil {
		d.Interval = Uniform
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	return d
}

// Check returns what is wrong with the options, in one sentence, or nil.
func (o *Options) Check() error {
	d := o.withDefaults()
	if err := d.Broker.Check(); err != nil {
		return err
	}
	if o.Total > 0 || o.Totals != nil {
		if o.Count > 1 {
			return errors.New("a share of a fleet has as many broadcasters as it has, not a count of its own")
		}
		if _, err := stream.ShareOf(d.ID, d.Total); err != nil {
			return fmt.Errorf("the ID says which share of the fleet is this process's, as in broadcast-3: %w", err)
		}
	} else if d.Count < 1 {
		return fmt.Errorf("%d broadcasters: there must be at least one", d.Count)
	}
	if !stream.ValidID(d.ID) {
		return fmt.Errorf("the id %q cannot name a broadcaster: it has 1 to 128 bytes of UTF-8 without white space, /, +, # and invisible characters", d.ID)
	}
	// The longest id of all has to fit.
	last := d.id(max(d.Count, 1) - 1)
	if !stream.ValidID(last) {
		return fmt.Errorf("the id %q is too long to number %d broadcasters", d.ID, d.Count)
	}
	if err := stream.CheckTopic(broadcastTopic(d.Topic, last)); err != nil {
		return err
	}
	if i := strings.IndexFunc(d.Topic, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }); i >= 0 {
		return fmt.Errorf("topic %q has white space or a control character, which not every broker carries", d.Topic)
	}
	if d.QoS > 2 {
		return fmt.Errorf("QoS %d: there are 0, 1 and 2", d.QoS)
	}
	say := stream.Command{Do: stream.Say, Text: d.Text}
	if err := say.Check(); err != nil {
		return err
	}
	return stream.CheckInterval(d.Min, d.Max)
}

// share is the part of the fleet that this process runs; Check has seen the ID.
func (o *Options) share() stream.Share {
	s, _ := stream.ShareOf(o.ID, o.Total)
	return s
}

// ids returns the IDs of all broadcasters of this process.
func (o *Options) ids() []string {
	n := o.Count
	if o.Total > 0 {
		n = o.share().Count
	} else if o.Totals != nil {
		n = 1
	}
	ids := make([]string, n)
	for i := range ids {
		ids[i] = o.id(i)
	}
	return ids
}

// id returns the ID of one of the broadcasters.
func (o *Options) id(i int) string {
	switch {
	case o.Total > 0:
		return o.share().ID(i)
	case o.Count == 1 || o.Totals != nil:
		return o.ID
	}
	return o.ID + "-" + strconv.Itoa(i)
}

func broadcastTopic(topic, id string) string { return strings.ReplaceAll(topic, "{id}", id) }
