package sqlite

import (
	"database/sql"
	"path/filepath"
	"testing"

	"hellox/history/historytest"
)

// BenchmarkAppend is goal N7: batches of 1,000 from 1,000 senders, each synced
// before the next. "store" is all that an append does: parsing, gaps and
// deltas, publishing, acknowledging. "driver" is the plain loop beside it: a
// table of m's columns, one prepared INSERT a row through database/sql, one
// transaction a batch, FULL, the same cache and checkpoints. It knows nothing
// of senders, so it cannot serve a page by sender; "driver-indexed" has the
// index for that, where the store has skip lists. An operation is one message.
func BenchmarkAppend(b *testing.B) {
	const size, senders = 1000, 1000
	b.Run("store", func(b *testing.B) {
		s := openTest(b, filepath.Join(b.TempDir(), "history.db"), Options{})
		f := &historytest.Fleet{Senders: senders}
		historytest.AppendAll(b, s, f.Batch(size)...)
		b.ReportAllocs()
		b.ResetTimer()
		for n := 0; n < b.N; n += size {
			b.StopTimer()
			batch := f.Batch(size)
			b.StartTimer()
			if err := s.Append(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		reportRate(b)
		var payload int
		for _, a := range f.Batch(size) {
			payload += len(a.Payload)
		}
		b.ReportMetric(float64(s.size())/float64(f.N-size)-float64(payload)/size, "B/msg-over-payload")
	})
	for name, index := range map[string]string{"driver": "", "driver-indexed": "CREATE INDEX m_source ON m(source, id)"} {
		b.Run(name, func(b *testing.B) {
			db, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "plain.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=cache_size(-65536)&_txlock=immediate")
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			db.SetMaxOpenConns(1)
			if _, err := db.Exec(`CREATE TABLE m(id INTEGER PRIMARY KEY, source INTEGER NOT NULL, received INTEGER NOT NULL, flags INTEGER NOT NULL,
				back INTEGER NOT NULL, delta INTEGER, delta_any INTEGER, payload BLOB NOT NULL, crc INTEGER NOT NULL) STRICT;` + index); err != nil {
				b.Fatal(err)
			}
			insert, err := db.Prepare("INSERT INTO m VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)")
			if err != nil {
				b.Fatal(err)
			}
			f := &historytest.Fleet{Senders: senders}
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; n += size {
				b.StopTimer()
				batch := f.Batch(size)
				b.StartTimer()
				tx, err := db.Begin()
				if err != nil {
					b.Fatal(err)
				}
				stmt := tx.Stmt(insert)
				for i := range batch {
					id := f.N - size + i + 1
					if _, err := stmt.Exec(id, id%senders, batch[i].Received.UnixNano(), 9, senders, 1_000_000, 1000, batch[i].Payload, id*7919); err != nil {
						b.Fatal(err)
					}
				}
				if err := tx.Commit(); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			reportRate(b)
		})
	}
}

func reportRate(b *testing.B) {
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
	b.ReportMetric(0, "ns/op")
}
