package stream

import (
	"encoding/json"
	"fmt"
	"time"
)

// A Reply is an Answer with the time of the round trip, as the API writes it.
type Reply struct {
	Answer
	RoundTrip time.Duration
}

type replyJSON struct {
	answerJSON
	RoundTripMS float64 `json:"round_trip_ms"`
}

// MarshalJSON writes r as the answer with a field more.
func (r Reply) MarshalJSON() ([]byte, error) {
	return json.Marshal(replyJSON{r.Answer.json(), Millis(r.RoundTrip)})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *Reply) UnmarshalJSON(b []byte) error {
	var j replyJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return fmt.Errorf("read reply: %w", err)
	}
	*r = Reply{j.answer(), FromMillis(j.RoundTripMS)}
	return nil
}
