package web

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"hellox/history"
	"hellox/stream"
	"hellox/web/timeline"
)

// goldenStats is GET /api/stats of a receiver whose name is kind-hellox; the
// last field is its clock.
const goldenStats = `{"received":12,"stored":9,"duplicates":3,"evicted":2,"damaged":5,"missed":1,"reordered":1,"senders":2,` +
	`"rates":{"1s":1,"1m":0.25,"1h":0.5},"first_id":3,"last_id":9,"bytes":4096,"limit":1073741824,` +
	`"link":{"state":"retrying","cause":"refused \u202e","since":"2026-08-30T14:02:11.118000000Z","retry":"2026-08-30T14:02:13.118000000Z"},` +
	`"degraded":"The disk is full.","degraded_by":"history",` +
	`"oldest":"2026-08-30T14:02:11.118000000Z","newest":"2026-08-30T14:02:12.000000000Z","started":"2026-08-30T14:02:10.000000000Z","name":"kind-hellox","now":"`

func TestStatsJSON(t *testing.T) {
	at := time.Date(2026, 8, 30, 16, 2, 11, 118e6, time.FixedZone("", 2*3600))
	stats := history.Stats{Received: 12, Stored: 9, Duplicates: 3, Evicted: 2, Damaged: 5, Missed: 1, Reordered: 1, Senders: 2,
		Rates: stream.Rates{Second: 1, Minute: 0.25, Hour: 0.5}, FirstID: 3, LastID: 9, Bytes: 4096, Limit: 1 << 30,
		Oldest: at, Newest: at.Add(882 * time.Millisecond), Started: at.Add(-1118 * time.Millisecond),
		Link:     stream.Link{State: stream.Retrying, Since: at, Retry: at.Add(2 * time.Second), Cause: "refused \u202e"},
		Degraded: "The disk is full.", DegradedBy: history.DegradedByHistory}
	got := getStats(t, stats, "kind-hellox")
	now, found := strings.CutPrefix(got, goldenStats)
	if !found {
		t.Fatalf("got  %s\nwant %s", got, goldenStats)
	}
	if _, err := time.Parse(stream.TimeFormat, strings.TrimSuffix(now, "\"}\n")); err != nil {
		t.Errorf("now: %v", err)
	}
	// What the receiver's client reads is what was written.
	var read history.Stats
	if err := json.Unmarshal([]byte(got), &read); err != nil {
		t.Fatal(err)
	}
	if !read.Oldest.Equal(stats.Oldest) || !read.Started.Equal(stats.Started) || read.Link.Cause != stats.Link.Cause || read.Name != "kind-hellox" || read.Now.IsZero() {
		t.Errorf("read as %+v", read)
	}
	// An empty history has no times but its own, and no name unless it was given one.
	got = getStats(t, history.Stats{Link: stream.Link{State: stream.Connecting}}, "")
	for _, absent := range []string{"0001-01-01", `"oldest"`, `"newest"`, `"name"`, `"degraded"`} {
		if strings.Contains(got, absent) {
			t.Errorf("%s in %s", absent, got)
		}
	}
}

func getStats(t *testing.T, stats history.Stats, name string) string {
	t.Helper()
	w := httptest.NewRecorder()
	h := statsHandler{store: fixedStats{stats: stats}, name: func() string { return name }}
	if err := h.get(w, httptest.NewRequest(http.MethodGet, "/api/stats", nil)); err != nil {
		t.Fatal(err)
	}
	return w.Body.String()
}

// A fixedStats is a Store of which only the totals are asked.
type fixedStats struct {
	history.Store
	stats history.Stats
}

func (s fixedStats) Stats(ctx context.Context) (history.Stats, error) { return s.stats, nil }

func TestTimelineJSON(t *testing.T) {
	since := time.Date(2026, 8, 30, 16, 2, 10, 0, time.FixedZone("", 2*3600))
	got, err := encode(timeline.Counts{Since: since, Until: since.Add(2 * time.Minute), Step: time.Minute,
		Bins:      []timeline.Bin{{First: 1, Messages: 60}, {First: 61, Messages: 59, Missed: 1, Latency: &timeline.Latency{P50: 1.5, P99: 4, Count: 59}}},
		Intervals: history.Intervals{StepMS: 500, Counts: []uint64{1}}})
	const want = `{"since":"2026-08-30T14:02:10.000000000Z","until":"2026-08-30T14:04:10.000000000Z","step_ms":60000,` +
		`"bins":[{"first":1,"messages":60},{"first":61,"messages":59,"missed":1,"latency_ms":{"p50":1.5,"p99":4,"count":59}}],` +
		`"intervals":{"sender":"","from_ms":0,"step_ms":500,"counts":[1],"min_ms":0,"mean_ms":0,"max_ms":0}}`
	if err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}
