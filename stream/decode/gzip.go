package decode

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"unicode/utf8"
)

// gunzip undoes one layer of gzip and reports whether there was one. Of what is
// damaged or too large the beginning stays.
func (r *Result) gunzip() bool {
	if !bytes.HasPrefix(r.Content, []byte{0x1f, 0x8b, 8}) {
		return false
	}
	reader, err := gzip.NewReader(bytes.NewReader(r.Content))
	if err != nil {
		return false
	}
	content, err := io.ReadAll(io.LimitReader(reader, maxOutput+1))
	switch {
	case len(content) > maxOutput:
		content = wholeRunes(content[:maxOutput])
		r.Problem = fmt.Sprintf("uncompressed it is larger than %d MiB: this is the beginning", maxOutput>>20)
	case err != nil:
		content = wholeRunes(content)
		r.Problem = fmt.Sprintf("the gzip is damaged after %d bytes", len(content))
	}
	r.Encodings = append(r.Encodings, Gzip)
	r.Content = content
	return true
}

// wholeRunes returns b without the beginning of a character at its end.
func wholeRunes(b []byte) []byte {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if utf8.RuneStart(b[len(b)-n]) {
			if !utf8.FullRune(b[len(b)-n:]) {
				return b[:len(b)-n]
			}
			break
		}
	}
	return b
}
