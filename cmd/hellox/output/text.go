package output

import (
	"cmp"
	"encoding/json"
	"io"
	"strings"
	"sync"

	"hellox/stream/safetext"
)

// OneLine makes a text that may come from the network or from another program
// safe to show as one line.
func OneLine(s string) string {
	return safetext.Clean(strings.Join(strings.Fields(s), " "))
}

// JSON writes v as one line.
func JSON(w io.Writer, v any) error {
	return json.NewEncoder(w).Encode(v)
}

// A Checked writer remembers the first write that failed: for what is written
// without a look at the error, such as help and steps.
type Checked struct {
	W   io.Writer
	mu  sync.Mutex
	err error
}

func (c *Checked) Write(b []byte) (int, error) {
	n, err := c.W.Write(b)
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.err = cmp.Or(c.err, err)
	}
	return n, err
}

// Err returns the error of the first write that failed, or nil.
func (c *Checked) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}
