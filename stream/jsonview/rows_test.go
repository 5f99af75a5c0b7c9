package jsonview

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// allRows returns the rows of a payload.
func allRows(payload []byte) (all []Row) {
	rows := NewRows(payload)
	for {
		row, ok := rows.Next()
		if !ok {
			return all
		}
		all = append(all, row)
	}
}

// TestSkipAndReturn skips what is in each row that opens, and returns to it: the
// rows that come then are those that come without.
func TestSkipAndReturn(t *testing.T) {
	for _, c := range cases(t) {
		payload := c.bytes()
		if c.Problem != "" {
			continue
		}
		all := allRows(payload)
		if len(all) > 200 {
			continue
		}
		rows := NewRows(payload)
		var around []Row
		for i := 0; i < len(all); i++ {
			row, _ := rows.Next()
			if diff := cmp.Diff(all[i], row); diff != "" {
				t.Fatalf("%s: row %d (-want +got):\n%s", c.Name, i, diff)
			}
			switch {
			case row.Closes:
				around = around[:len(around)-1]
			case row.Opens:
				closes := i + 1
				for !all[closes].Closes || all[closes].Depth != row.Depth {
					closes++
				}
				if n := rows.Skip(); n != closes-i {
					t.Errorf("%s: %d rows are skipped after row %d, want %d", c.Name, n, i, closes-i)
				}
				after, ok := rows.Next()
				if diff := cmp.Diff(all[closes], after); diff != "" || !ok {
					t.Fatalf("%s: after what is in row %d (-want +got):\n%s", c.Name, i, diff)
				}
				rows.Return(&row, around)
				around = append(around, row)
			}
		}
		if _, ok := rows.Next(); ok || rows.Problem() != nil {
			t.Errorf("%s: at the end %v", c.Name, rows.Problem())
		}
	}
}

// What is not closed is skipped to its end.
func TestSkipWhatIsNotClosed(t *testing.T) {
	for _, payload := range []string{`[1,2`, `{"a":"\`, `[[`, `["`, strings.Repeat("[", maxDepth+5), `[1}`, `{"a":[}`} {
		rows := NewRows([]byte(payload))
		row, ok := rows.Next()
		if !ok || !row.Opens {
			continue
		}
		rows.Skip()
		if row, ok := rows.Next(); ok || rows.Problem() == nil {
			t.Errorf("%.20s: %v, %t, %v", payload, row, ok, rows.Problem())
		}
	}
}

func BenchmarkSkip(b *testing.B) {
	payload := []byte("[" + strings.Repeat(`{"id":1724442618569203714,"room":"k\u00fcche"},`, 100_000) + "1]")
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		rows := NewRows(payload)
		rows.Next()
		rows.Skip()
	}
}
