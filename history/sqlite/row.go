package sqlite

import (
	"database/sql/driver"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"time"

	"hellox/stream"
)

// rowColumns are those of m in the order that row has them.
const rowColumns = "id, source, received, flags, back, delta, delta_any, payload, crc"

// A row is one row of m.
type row struct {
	id, source, received, flags, back int64
	delta, deltaAny                   int64 // microseconds; noDelta: NULL
	payload                           []byte
	crc                               int64
}

const noDelta = math.MinInt64

// The flags of a row. Above them stands how many were missed.
const (
	flagQoS       = 3
	flagRetained  = 1 << 2
	flagOurs      = 1 << 3
	flagReordered = 1 << 4
	flagMarked    = 1 << 5 // it is in mark
	missedShift   = 8
)

// castagnoli is the polynomial of CRC-32C, which processors compute.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// newRow is m as the next message of src.
func newRow(m *stream.Message, src *source, marked bool) row {
	r := row{id: m.ID, source: src.id, received: m.Received.UnixNano(), delta: micros(m.Delta), deltaAny: micros(m.DeltaAny),
		flags: int64(m.QoS&flagQoS) | int64(m.Missed)<<missedShift, payload: m.Payload}
	if src.last > 0 {
		r.back = m.ID - src.last
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
	if marked {
		r.flags |= flagMarked
	}
	if r.payload == nil {
		r.payload = []byte{} // NULL is no payload
	}
	r.crc = r.checksum(src.seed)
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

// checksum goes on from the seed of the row's source, so that a message given
// to another topic is found out as well.
func (r *row) checksum(seed uint32) int64 {
	var b [48]byte
	for i, n := range [...]int64{r.id, r.received, r.flags, r.back, r.delta, r.deltaAny} {
		binary.LittleEndian.PutUint64(b[8*i:], uint64(n))
	}
	// Signed, for SQLite then stores four bytes and not six.
	return int64(int32(crc32.Update(crc32.Update(seed, castagnoli(), b[:]), castagnoli(), r.payload)))
}

// scan reads rowColumns.
func (r *row) scan(v []driver.Value) error {
	for i, dest := range [...]*int64{&r.id, &r.source, &r.received, &r.flags, &r.back, &r.delta, &r.deltaAny} {
		n, ok := v[i].(int64)
		if !ok {
			if v[i] != nil || i < 5 {
				return badColumn("m", v[i])
			}
			n = noDelta
		}
		*dest = n
	}
	var ok [2]bool
	r.payload, ok[0] = v[7].([]byte)
	r.crc, ok[1] = v[8].(int64)
	if !ok[0] && v[7] != nil || !ok[1] {
		return badColumn("m", v[7])
	}
	return nil
}

// A DamagedError is about a message whose bytes on the disk are not those that
// were written. What is left of it is shown to nobody.
type DamagedError struct{ ID int64 }

func (e *DamagedError) Error() string {
	return fmt.Sprintf("message %d is damaged on the disk", e.ID)
}

// message turns a row into the message that it was, or returns a
// *DamagedError. next is what Hello.Next was.
func (r *row) message(src *source) (m stream.Message, next time.Duration, err error) {
	if src == nil || src.id != r.source || r.checksum(src.seed) != r.crc {
		return m, 0, &DamagedError{r.id}
	}
	m = stream.Message{ID: r.id, Topic: src.topic, Sender: src.sender, Payload: r.payload, QoS: byte(r.flags & flagQoS),
		Retained: r.flags&flagRetained != 0, Received: time.Unix(0, r.received).UTC(), Latency: stream.None}
	if r.flags&flagOurs != 0 {
		h, ok := stream.ParseHello(r.payload)
		if !ok {
			return m, 0, &DamagedError{r.id}
		}
		m.SetHello(&h)
		next = h.Next
	}
	m.Delta, m.DeltaAny = duration(r.delta), duration(r.deltaAny)
	m.Missed, m.Reordered = uint64(r.flags>>missedShift), r.flags&flagReordered != 0
	return m, next, nil
}
