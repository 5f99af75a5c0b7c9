package track

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// A Digest tells payloads apart.
type Digest [16]byte

// MarshalText writes d in hexadecimal.
func (d Digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Digest) UnmarshalText(b []byte) error {
	if hex.DecodedLen(len(b)) != len(d) {
		return fmt.Errorf("digest has %d characters, not %d", len(b), hex.EncodedLen(len(d)))
	}
	_, err := hex.Decode(d[:], b)
	return err
}

func payloadDigest(payload []byte) Digest {
	sum := sha256.Sum256(payload)
	return Digest(sum[:len(Digest{})])
}
