package sqlite

import (
	"database/sql/driver"
	"encoding/binary"
	"hash/crc32"
	"math"
	"time"

	"hellox/history"
	"hellox/stream"
)

// rowColumns are those of m in the order that row has them.
const rowColumns = "id, source, received, flags, back, delta, delta_any, payload, crc"

// A row is one row of m.
type row struct {
	id, series, received, flags, prev int64
	delta, deltaAny                   int64 // microseconds; noDelta: NULL
	payload                           []byte
	crc                               int64
	unreadable                        bool // its record is not one that was written
}

const noDelta = math.MinInt64

// The flags of a row. The bits above them are how many were missed.
const (
	flagQoS       = 3
	flagRetained  = 1 << 2
	flagOurs      = 1 << 3
	flagReordered = 1 << 4
	flagAnchor    = 1 << 5 // it is an anchor, a row of mark
	missedShift   = 8
)

// castagnoli is the polynomial of CRC-32C, which processors compute.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// newRow is m as the next message of its series.
func newRow(m *stream.Message, one *series, anchor bool) row {
	r := row{id: m.ID, series: one.id, received: m.Received.UnixNano(), delta: micros(m.Delta), deltaAny: micros(m.DeltaAny),
		flags: int64(m.QoS&flagQoS) | int64(m.Missed)<<missedShift, payload: m.Payload}
	if one.last > 0 {
		r.prev = m.ID - one.last
	}
	if m.Retained {
		r.flags |= flagRetained
	}
	if m.Ours {
		r.flags |= flagOurs
	}
	if m.Reordered {
		r.flags |= flagReordered
	}
	if anchor {
		r.flags |= flagAnchor
	}
	if r.payload == nil {
		r.payload = []byte{} // NULL is no payload
	}
	r.crc = r.checksum(one.seed)
	return r
}

func micros(d time.Duration) int64 {
	if d == stream.None {
		return noDelta
	}
	return d.Microseconds()
}

func duration(micros int64) time.Duration {
	if micros == noDelta {
		return stream.None
	}
	return time.Duration(micros) * time.Microsecond
}

// checksum continues the seed of the row's series, so that a message given to
// another topic is detected as well.
func (r *row) checksum(seed uint32) int64 {
	var b [48]byte
	for i, n := range [...]int64{r.id, r.received, r.flags, r.prev, r.delta, r.deltaAny} {
		binary.LittleEndian.PutUint64(b[8*i:], uint64(n))
	}
	// Signed, for SQLite then stores four bytes and not six.
	return int64(int32(crc32.Update(crc32.Update(seed, castagnoli(), b[:]), castagnoli(), r.payload)))
}

// scan reads rowColumns.
func (r *row) scan(v []driver.Value) {
	for i, dest := range [...]*int64{&r.id, &r.series, &r.received, &r.flags, &r.prev, &r.delta, &r.deltaAny} {
		n, ok := v[i].(int64)
		if !ok {
			r.unreadable = r.unreadable || v[i] != nil || i < 5
			n = noDelta
		}
		*dest = n
	}
	var ok [2]bool
	r.payload, ok[0] = v[7].([]byte)
	r.crc, ok[1] = v[8].(int64)
	r.unreadable = r.unreadable || !ok[0] && v[7] != nil || !ok[1]
}

// sound reports whether the row is what was written as one of the series.
func (r *row) sound(one *series) bool {
	return !r.unreadable && one != nil && one.id == r.series && r.checksum(one.seed) == r.crc
}

// message turns a row into the message that it was, or returns a
// *history.DamagedError. next is what Hello.Next was.
func (r *row) message(one *series) (m stream.Message, next time.Duration, err error) {
	if !r.sound(one) {
		return m, 0, &history.DamagedError{ID: r.id}
	}
	m = stream.Message{ID: r.id, Topic: one.topic, Sender: one.sender, Payload: r.payload, QoS: byte(r.flags & flagQoS),
		Retained: r.flags&flagRetained != 0, Received: time.Unix(0, r.received).UTC(), Latency: stream.None}
	if r.flags&flagOurs != 0 {
		// One that an earlier version took for ours stays a message.
		if h, ok := stream.ParseHello(r.payload); ok {
			m.SetHello(&h)
			next = h.Next
		}
	}
	m.Delta, m.DeltaAny = duration(r.delta), duration(r.deltaAny)
	m.Missed, m.Reordered = uint64(r.flags>>missedShift), r.flags&flagReordered != 0
	return m, next, nil
}
