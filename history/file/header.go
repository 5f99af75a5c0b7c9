package file

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"hellox/stream"
)

// formatVersion is the version of the format that is written, and the newest that is
// read.
const formatVersion = 1

// A Header is the first line of a recording, and of each part that was appended to
// one.
type Header struct {
	Recording int       `json:"recording"` // the version of the format
	Version   string    `json:"version"`   // of the program that wrote it
	Source    string    `json:"source"`    // what was watched
	Start     time.Time `json:"start"`
}

// MarshalJSON writes the time with nine digits of a second.
func (h Header) MarshalJSON() ([]byte, error) {
	type plain Header
	b, err := json.Marshal(struct {
		plain
		Start stream.Time `json:"start"`
	}{plain(h), stream.Time(h.Start)})
	return stream.EscapeJSON(b), err
}

// ErrNotRecording is the error of a file that holds something else.
var ErrNotRecording = errors.New("it is not a recording of hellox")

// headerPrefix is what a header begins with, and no message.
var headerPrefix = []byte(`{"recording":`)

// parseHeader parses a header, if line is one.
func parseHeader(line []byte) (h Header, ok bool, err error) {
	if !bytes.HasPrefix(line, headerPrefix) {
		return h, false, nil
	}
	if json.Unmarshal(line, &h) != nil || h.Recording < 1 {
		return h, false, nil //nolint:nilerr // a line of another program
	}
	if h.Recording > formatVersion {
		return h, true, fmt.Errorf("it is a recording of format %d, which %s wrote; this hellox reads format %d", h.Recording, h.Version, formatVersion)
	}
	return h, true, nil
}
