package journal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// A batch in the file is the CRC-32C of what follows, then records. A record is
// uvarint seq, flags, uvarint expiry, and topic, origin, owner (if the flag says so),
// properties and payload, each after its uvarint length. The checksum finds a flipped bit that the disk
// did not report: SQLite has no checksums for its pages.

const (
	flagQoS    = 0x03
	flagRetain = 0x04
	flagOwner  = 0x08
)

var errDamaged = errors.New("the record is damaged")

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) } // crc32 builds it once

// beginBatch starts a batch in b.
func beginBatch(b []byte) []byte { return append(b[:0], 0, 0, 0, 0) }

// sealBatch sets the checksum.
func sealBatch(b []byte) {
	binary.LittleEndian.PutUint32(b, crc32.Checksum(b[4:], castagnoli()))
}

func (m *Message) appendRecord(b []byte) []byte {
	b = binary.AppendUvarint(b, m.Seq)
	flags := m.QoS & flagQoS
	if m.Retain {
		flags |= flagRetain
	}
	if m.Owner != "" {
		flags |= flagOwner
	}
	b = append(b, flags)
	b = binary.AppendUvarint(b, uint64(m.Expiry))
	b = binary.AppendUvarint(b, uint64(len(m.Topic)))
	b = append(b, m.Topic...)
	b = binary.AppendUvarint(b, uint64(len(m.Origin)))
	b = append(b, m.Origin...)
	if m.Owner != "" {
		b = binary.AppendUvarint(b, uint64(len(m.Owner)))
		b = append(b, m.Owner...)
	}
	b = binary.AppendUvarint(b, uint64(len(m.Props)))
	b = append(b, m.Props...)
	b = binary.AppendUvarint(b, uint64(len(m.Payload)))
	return append(b, m.Payload...)
}

// decodeBatch decodes what beginBatch, appendRecord and sealBatch encoded. The
// messages alias b.
func decodeBatch(b []byte) ([]*Message, error) {
	if len(b) < 4 || binary.LittleEndian.Uint32(b) != crc32.Checksum(b[4:], castagnoli()) {
		return nil, errors.New("its checksum does not match")
	}
	d := decoder{b: b[4:]}
	var messages []*Message
	for len(d.b) > 0 {
		m := &Message{Seq: d.uvarint()}
		flags := d.byte()
		m.QoS, m.Retain = flags&flagQoS, flags&flagRetain != 0
		m.Expiry = int64(d.uvarint())
		m.Topic, m.Origin = string(d.bytes()), string(d.bytes())
		if flags&flagOwner != 0 {
			m.Owner = string(d.bytes())
		}
		m.Props, m.Payload = d.bytes(), d.bytes()
		if d.bad {
			return nil, errDamaged
		}
		messages = append(messages, m)
	}
	return messages, nil
}

// A decoder reads values from a slice. bad is set once one is missing.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.bad = true
		return 0
	}
	c := d.b[0]
	d.b = d.b[1:]
	return c
}

func (d *decoder) bytes() []byte {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.bad, d.b = true, nil
		return nil
	}
	v := d.b[:n:n]
	d.b = d.b[n:]
	return v
}

// rowChecksum is that of a row of messages, of what its records do not cover.
// first is 0 in a row that was written before version 5.
func rowChecksum(first, key uint64, sessions []byte) int64 {
	b := binary.BigEndian.AppendUint64(nil, key)
	if first > 0 {
		b = binary.BigEndian.AppendUint64(b, first)
	}
	return int64(crc32.Update(crc32.Checksum(b, castagnoli()), castagnoli(), sessions))
}

// numbers returns the numbers of consumers that are encoded in sessions, and
// false if they are damaged.
func numbers(sessions []byte) (all []uint64, ok bool) {
	d := decoder{b: sessions}
	for len(d.b) > 0 {
		all = append(all, d.uvarint())
	}
	return all, !d.bad
}

// encode returns a row of the table sent: the cursor, four lists after their lengths,
// and what is only of a shared subscription, all in uvarints. Before version 6 it
// ended after the third list.
func (r *SentRow) encode() []byte {
	b := binary.AppendUvarint(nil, r.Cursor)
	b = binary.AppendUvarint(b, uint64(len(r.Sent)))
	for _, m := range r.Sent {
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(m.ID)), m.Seq)
	}
	b = binary.AppendUvarint(b, uint64(len(r.Released)))
	for _, id := range r.Released {
		b = binary.AppendUvarint(b, uint64(id))
	}
	b = binary.AppendUvarint(b, uint64(len(r.Done)))
	for _, seq := range r.Done {
		b = binary.AppendUvarint(b, seq)
	}
	b = binary.AppendUvarint(b, uint64(len(r.Shared)))
	for _, m := range r.Shared {
		b = binary.AppendUvarint(binary.AppendUvarint(binary.AppendUvarint(b, uint64(m.ID)), m.Share), m.Seq)
		released := byte(0)
		if m.Released {
			released = 1
		}
		b = append(b, released)
	}
	b = binary.AppendUvarint(b, r.Read)
	b = binary.AppendUvarint(b, uint64(len(r.Open)))
	for _, seq := range r.Open {
		b = binary.AppendUvarint(b, seq)
	}
	return b
}

// decodeSent decodes what encode encoded.
func decodeSent(b []byte) (r SentRow, ok bool) {
	d := decoder{b: b}
	r.Cursor = d.uvarint()
	for n := d.uvarint(); n > 0 && !d.bad; n-- {
		r.Sent = append(r.Sent, SentMessage{ID: uint16(d.uvarint()), Seq: d.uvarint()})
	}
	for n := d.uvarint(); n > 0 && !d.bad; n-- {
		r.Released = append(r.Released, uint16(d.uvarint()))
	}
	for n := d.uvarint(); n > 0 && !d.bad; n-- {
		r.Done = append(r.Done, d.uvarint())
	}
	if len(d.b) == 0 {
		return r, !d.bad // before version 6
	}
	for n := d.uvarint(); n > 0 && !d.bad; n-- {
		r.Shared = append(r.Shared, SharedMessage{ID: uint16(d.uvarint()), Share: d.uvarint(), Seq: d.uvarint(), Released: d.byte() == 1})
	}
	r.Read = d.uvarint()
	for n := d.uvarint(); n > 0 && !d.bad; n-- {
		r.Open = append(r.Open, d.uvarint())
	}
	return r, !d.bad
}

// checksum is that of a session's row; subscriptions are those that it holds, as
// JSON.
func (s *SessionRow) checksum(subscriptions []byte) int64 {
	b := binary.BigEndian.AppendUint64(nil, s.Number)
	b = binary.BigEndian.AppendUint64(b, s.Cursor)
	b = binary.BigEndian.AppendUint64(b, uint64(s.Expiry))
	b = binary.BigEndian.AppendUint64(b, uint64(len(s.ID)))
	b = append(append(append(b, s.ID...), s.Owner...), 0)
	return int64(crc32.Checksum(append(b, subscriptions...), castagnoli()))
}
