package sqlitefile

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
)

// A LostLog is what SQLite will leave out of a write-ahead log: recovery ends at the
// first frame whose checksum does not match, and says nothing.
type LostLog struct {
	Commits int  // transactions that were synced
	Frames  int  // pages that these transactions, or the torn one, wrote
	Torn    bool // only the newest transaction is damaged, or was never synced: it cannot be told
}

// InspectLog returns what will be left out of the write-ahead log of a database. It
// is called before the database is opened (the file format, section 4).
func InspectLog(path string) (lost LostLog, err error) {
	file, err := os.Open(path + "-wal")
	if errors.Is(err, fs.ErrNotExist) {
		return lost, nil
	}
	if err != nil {
		return lost, err
	}
	defer file.Close()
	r := bufio.NewReaderSize(file, 1<<20)
	header := make([]byte, 32)
	if _, err := io.ReadFull(r, header); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = nil // there is nothing in it
		}
		return lost, err
	}
	magic := binary.BigEndian.Uint32(header)
	log := walReader{order: binary.LittleEndian, page: binary.BigEndian.Uint32(header[8:]), salt: string(header[16:24])}
	if magic == walMagic|1 {
		log.order = binary.BigEndian
	}
	log.add(header[:24])
	if stated := sumAt(header[24:]); log.sum != stated || magic&^1 != walMagic {
		log.page, log.salt, log.broken, log.headless = 4096, "", true, true
	}
	return log.lost(r), nil
}

const walMagic = 0x377f0682 // the lowest bit: checksums are big-endian

// A walReader follows the checksums of a write-ahead log.
type walReader struct {
	order    binary.ByteOrder
	page     uint32
	salt     string // of the frames written since the last reset; "": that of the first one
	sum      [2]uint32
	headless bool // the header is damaged: the checksums prove nothing
	broken   bool // a frame, or the header, is damaged
}

// add continues the checksum with b, whose length is a multiple of eight.
func (l *walReader) add(b []byte) {
	for ; len(b) >= 8; b = b[8:] {
		l.sum[0] += l.order.Uint32(b) + l.sum[1]
		l.sum[1] += l.order.Uint32(b[4:]) + l.sum[0]
	}
}

func sumAt(b []byte) [2]uint32 {
	return [2]uint32{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])}
}

// lost reads the frames behind the header.
func (l *walReader) lost(r io.Reader) (lost LostLog) {
	frame := make([]byte, 24+l.page)
	foreign, open := 0, 0 // frames of another salt, and of a transaction that has not ended
	first, torn := false, 0
	for {
		if _, err := io.ReadFull(r, frame); err != nil {
			if torn > 0 {
				lost.Torn, lost.Frames = true, torn
			}
			return lost
		}
		if l.salt == "" {
			l.salt = string(frame[8:16])
		}
		l.add(frame[:8])
		l.add(frame[24:])
		stated := sumAt(frame[16:])
		sound := l.sum == stated || l.headless
		l.sum = stated // what follows is judged from what this frame says of itself
		if string(frame[8:16]) != l.salt {
			foreign++ // of the log before the last reset, unless one of this log follows
			continue
		}
		if torn > 0 { // another has begun after it, so it was synced
			lost.Commits, lost.Frames, torn = 1, torn, 0
		}
		if !l.broken && (!sound || foreign > 0) {
			l.broken, first = true, true
		}
		open, foreign = open+1+foreign, 0
		if binary.BigEndian.Uint32(frame[4:]) == 0 { // not the last of its transaction
			continue
		}
		switch {
		case first:
			torn, first = open, false
		case l.broken:
			lost.Commits, lost.Frames = lost.Commits+1, lost.Frames+open
		}
		open = 0
	}
}
