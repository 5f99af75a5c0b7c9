package web

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"hellox/history"
	"hellox/stream"
	"hellox/stream/filter"
)

// Bounds of the parameters.
const (
	maxLimit  = 10_000
	maxTopics = 32
	maxValue  = 4096 // bytes of one parameter
)

// parameters parses the query string of r, which may hold only the allowed
// names, each of them once; topic may be repeated.
func parameters(r *http.Request, allowed ...string) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("the query string is not well formed: " + err.Error())
	}
	for name, v := range values {
		switch {
		case !slices.Contains(allowed, name):
			return nil, badRequest(fmt.Sprintf("there is no parameter %q here", name))
		case name == "topic" && len(v) > maxTopics:
			return nil, badRequest(fmt.Sprintf("at most %d topics", maxTopics))
		case name != "topic" && len(v) > 1:
			return nil, badRequest(fmt.Sprintf("parameter %q stands there %d times", name, len(v)))
		}
		for _, s := range v {
			if len(s) > maxValue {
				return nil, badRequest(fmt.Sprintf("parameter %q is longer than %d bytes", name, maxValue))
			}
		}
	}
	return values, nil
}

// query parses the parameters of GET /api/messages, which is asked at now.
func query(r *http.Request, now time.Time) (history.Query, error) {
	var q history.Query
	values, err := parameters(r, "after", "before", "since", "until", "topic", "sender", "filter", "limit")
	if err != nil {
		return q, err
	}
	if values.Has("after") && values.Has("before") {
		return q, badRequest("give after or before, not both")
	}
	if values.Has("after") {
		if q.After, err = id("after", values.Get("after")); err != nil {
			return q, err
		}
		q.FromStart = q.After == 0
	}
	if values.Has("before") {
		if q.Before, err = id("before", values.Get("before")); err != nil {
			return q, err
		}
		if q.Before == 0 {
			return q, badRequest("before: no id is below 1")
		}
	}
	if q.Since, err = moment("since", values.Get("since"), now); err != nil {
		return q, err
	}
	if q.Until, err = moment("until", values.Get("until"), now); err != nil {
		return q, err
	}
	if values.Has("limit") {
		if q.Limit, err = number("limit", values.Get("limit"), maxLimit); err != nil {
			return q, err
		}
	}
	q.Select, err = selection(values)
	return q, err
}

// selection parses the parameters topic, sender and filter.
func selection(values url.Values) (history.Select, error) {
	sel := history.Select{Topics: values["topic"], Sender: values.Get("sender")}
	if err := checkTopics(sel.Topics); err != nil {
		return sel, err
	}
	filter, err := filter.Parse(values.Get("filter"))
	if err != nil {
		return sel, err
	}
	sel.Filter = filter
	return sel, nil
}

// checkTopics checks the topic filters of the parameter topic.
func checkTopics(filters []string) error {
	for _, f := range filters {
		if err := stream.CheckTopicFilter(f); err != nil {
			return badRequest(err.Error())
		}
	}
	return nil
}

// numberOr parses the parameter of that name, a number from 1 to most; it returns
// otherwise if there is none.
func numberOr(values url.Values, name string, otherwise, most int) (int, error) {
	v := values.Get(name)
	if v == "" {
		return otherwise, nil
	}
	return number(name, v, most)
}

// number parses a number from 1 to most.
func number(name, s string, most int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > most {
		return 0, badRequest(fmt.Sprintf("%s is a number from 1 to %d", name, most))
	}
	return n, nil
}

// id parses a message's id, or 0.
func id(name, s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n == math.MaxInt64 {
		return 0, badRequest(fmt.Sprintf("%s is a message's id, a whole number from 0", name))
	}
	return n, nil
}

// moment parses a time: RFC 3339, a date (UTC), or a duration before now ("5m",
// "1d"). "" is the zero time.
func moment(name, v string, now time.Time) (time.Time, error) {
	if v == "" {
		return time.Time{}, nil
	}
	t, err := stream.ParseMoment(v, now.UTC())
	if err != nil {
		return t, badRequest(fmt.Sprintf("%s is a time (2026-01-31T12:00:00Z, 2026-01-31) or a duration ago (5m, 1d), not %q", name, v))
	}
	return t, nil
}
