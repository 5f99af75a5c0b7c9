package filter_test

import (
	"errors"
	"fmt"
	"time"

	"hellox/stream"
	"hellox/stream/filter"
)

func Example() {
	f, err := filter.Parse(`sender:press-* (payload.temp>=30 or "out of paper")`)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range []stream.Message{
		{Topic: "plant/press-1", Sender: "press-1", Payload: []byte(`{"temp":31.5}`)},
		{Topic: "plant/press-2", Sender: "press-2", Payload: []byte("Out of paper!")},
		{Topic: "plant/press-3", Sender: "press-3", Payload: []byte(`{"temp":21}`)},
		{Topic: "plant/oven-1", Sender: "oven-1", Payload: []byte(`{"temp":180}`)},
	} {
		fmt.Println(m.Sender, f.Match(&m))
	}
	// Output:
	// press-1 true
	// press-2 true
	// press-3 false
	// oven-1 false
}

func ExampleParse_error() {
	_, err := filter.Parse("delta>fast")
	fmt.Println(err)
	var wrong *filter.Error
	if errors.As(err, &wrong) {
		fmt.Println("column", wrong.Column)
	}
	// Output:
	// column 7 of the filter: expected a duration with its unit, such as 250ms, 10s, 5m, 2h or 1d, not "fast"
	// column 7
}

func ExampleFilter_MatchAt() {
	f, err := filter.Parse("age<5m")
	if err != nil {
		fmt.Println(err)
		return
	}
	received := time.Date(2026, 5, 4, 14, 0, 0, 0, time.UTC)
	m := &stream.Message{Received: received}
	fmt.Println(f.MatchAt(m, received.Add(time.Minute)), f.MatchAt(m, received.Add(time.Hour)))
	// Output: true false
}

// A store has an index of senders and none of payloads: it looks up what Relax
// returns, and matches the rest.
func ExampleRelax() {
	f, err := filter.Parse("sender:press-* payload:error")
	if err != nil {
		fmt.Println(err)
		return
	}
	indexed := func(t *filter.Term) bool { return t.Key == filter.KeySender }
	fmt.Println(filter.Relax(f.Expr(), indexed))
	// Output: sender:press-*
}
