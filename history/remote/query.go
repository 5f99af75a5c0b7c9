package remote

import (
	"net/url"
	"slices"
	"strconv"

	"hellox/history"
	"hellox/stream"
)

// selectValues is s as the API's parameters.
func selectValues(s *history.Select) url.Values {
	v := url.Values{}
	if len(s.Topics) > 0 {
		v["topic"] = slices.Clone(s.Topics)
	}
	if s.Sender != "" {
		v.Set("sender", s.Sender)
	}
	if s.Filter != nil {
		v.Set("filter", s.Filter.String())
	}
	return v
}

// queryValues is q as the API's parameters.
func queryValues(q *history.Query) url.Values {
	v := selectValues(&q.Select)
	if q.Forward() {
		v.Set("after", strconv.FormatInt(q.After, 10))
	}
	if q.Before > 0 && !q.Forward() {
		v.Set("before", strconv.FormatInt(q.Before, 10))
	}
	if !q.Since.IsZero() {
		v.Set("since", stream.FormatTime(q.Since))
	}
	if !q.Until.IsZero() {
		v.Set("until", stream.FormatTime(q.Until))
	}
	v.Set("limit", strconv.Itoa(q.PageSize()))
	return v
}
