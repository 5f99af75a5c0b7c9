package remote

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxFrame bounds one server-sent event: a message of the broker's largest
// packet, each byte of it escaped, finds room several times over.
const maxFrame = 8 << 20

var errFrame = errors.New("an event is longer than 8 MiB")

// A frame is one server-sent event (HTML Living Standard, section 9.2).
type frame struct {
	id    string
	event string // "" is "message"
	data  []byte // valid until the next frame is read
}

// A frameReader reads server-sent events. It is our own because of what follow.go
// needs: heartbeats (comments) as frames, buffered to hand over in batches, and
// an event of 8 MiB in 0.05 s. tmaxmax/go-sse v0.12 has neither of the first two,
// and takes 2.7 s for such an event: it searches its end anew with each read.
type frameReader struct {
	r    *bufio.Reader
	line []byte
	data []byte
}

func newFrameReader(r io.Reader) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, 64<<10)}
}

// buffered reports whether some of the next frame is here already.
func (f *frameReader) buffered() bool { return f.r.Buffered() > 0 }

// next reads one frame. Comments, which keep a connection alive, come as
// frames without data.
func (f *frameReader) next() (frame, error) {
	var fr frame
	f.data = f.data[:0]
	hasData := false
	for {
		line, err := f.readLine()
		if err != nil {
			return frame{}, err
		}
		if len(line) == 0 {
			if hasData {
				f.data = f.data[:len(f.data)-1] // the last line feed
			}
			fr.data = f.data
			return fr, nil
		}
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(field) {
		case "": // a comment
			if fr.id == "" && fr.event == "" && !hasData {
				return fr, nil
			}
		case "id":
			fr.id = string(value)
		case "event":
			fr.event = string(value)
		case "data":
			if len(f.data)+len(value) > maxFrame {
				return frame{}, errFrame
			}
			hasData = true
			f.data = append(append(f.data, value...), '\n')
		}
	}
}

// readLine reads up to LF or CRLF, which it leaves out.
func (f *frameReader) readLine() ([]byte, error) {
	f.line = f.line[:0]
	for {
		part, err := f.r.ReadSlice('\n')
		if len(f.line)+len(part) > maxFrame {
			return nil, errFrame
		}
		f.line = append(f.line, part...)
		switch {
		case err == nil:
			return bytes.TrimSuffix(f.line[:len(f.line)-1], []byte("\r")), nil
		case err == io.EOF:
			return nil, fmt.Errorf("the stream of events ended: %w", io.ErrUnexpectedEOF)
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}
