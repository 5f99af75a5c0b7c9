package sqlite

import (
	"context"
	"fmt"

	"hellox/sqlitefile"
)

// applicationID is in the header of a history file: "hlox".
const applicationID = 0x686c6f78

// migrations returns the steps that made the schema what it is: step i brings
// a file from version i to i+1, which PRAGMA user_version holds. Steps are
// never changed once released, only added.
//
// A message is one row of m. What its payload says (text, boot, seq, sent) is
// not stored a second time. A row of source is a series: topic and sender, which
// are stored there once. Two things replace the indexes that would cost an append more
// than the row itself: received never falls, so a time is found by binary
// search over id; and the messages of a series are a skip list: back leads to the
// one before, and one in 64 is an anchor, a row of mark, so that the messages of a
// sender or topic are found from any id by at most 64 steps (seriesreader.go).
func migrations() []string {
	return []string{`
CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB NOT NULL, crc INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE source(
  id INTEGER PRIMARY KEY,
  topic BLOB NOT NULL,
  sender BLOB NOT NULL,
  last INTEGER NOT NULL,     -- id of its newest message, as of meta.books
  count INTEGER NOT NULL     -- of its messages ever, as of meta.books
) STRICT;
CREATE TABLE sender(name BLOB PRIMARY KEY, account BLOB NOT NULL, crc INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE m(
  id INTEGER PRIMARY KEY,
  source INTEGER NOT NULL,
  received INTEGER NOT NULL, -- nanoseconds since 1970
  flags INTEGER NOT NULL,    -- see sqlite_row.go
  back INTEGER NOT NULL,     -- id minus that of the source's message before; 0: none
  delta INTEGER,             -- microseconds; NULL: none
  delta_any INTEGER,
  payload BLOB NOT NULL,
  crc INTEGER NOT NULL       -- CRC-32C of all this, topic and sender
) STRICT;
CREATE TABLE mark(source INTEGER, id INTEGER, PRIMARY KEY(source, id)) STRICT, WITHOUT ROWID;
`, `
ALTER TABLE source ADD COLUMN crc INTEGER; -- CRC-32C of all this; NULL: the row is older than the column
`}
}

// migrate brings the file from its version to that of steps, one transaction a
// step: a process killed between two of them goes on where it was.
func migrate(ctx context.Context, c *sqlitefile.Conn, steps []string) error {
	version, _, err := c.Integer(ctx, "PRAGMA user_version")
	if err != nil {
		return err
	}
	for ; version < int64(len(steps)); version++ {
		err := c.Transact(func() error {
			return c.Script(ctx, fmt.Sprintf("%s; PRAGMA user_version = %d;", steps[version], version+1))
		})
		if err != nil {
			return fmt.Errorf("bring the history from version %d to %d: %w", version, version+1, err)
		}
	}
	return nil
}
