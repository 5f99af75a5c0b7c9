package web

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"hellox/history"
	"hellox/history/remote"
	"hellox/stream"
	"hellox/stream/safetext"
	"hellox/web/pods"
)

// maxSenders bounds limit of GET /api/senders.
const maxSenders = 10_000

// A sendersHandler answers GET /api/senders: all, or those of a group or that are
// searched for, in an order, from an offset on.
type sendersHandler struct {
	store history.Store
	pods  *pods.Known
}

func (h sendersHandler) list(w http.ResponseWriter, r *http.Request) error {
	values, err := parameters(r, "search", "group", "sort", "offset", "limit")
	if err != nil {
		return err
	}
	less, ok := senderOrders[values.Get("sort")]
	if !ok {
		return badRequest("sort is name, trouble, rate, missed or latency")
	}
	limit, offset := 0, 0
	if v := values.Get("limit"); v != "" {
		if limit, err = number("limit", v, maxSenders); err != nil {
			return err
		}
	}
	if v := values.Get("offset"); v != "" && v != "0" {
		if offset, err = number("offset", v, math.MaxInt32); err != nil {
			return err
		}
	}
	senders, err := h.store.Senders(r.Context())
	if err != nil {
		return fmt.Errorf("read senders: %w", err)
	}
	if values.Has("group") {
		prefixes, group := prefixesOf(senders), values.Get("group")
		senders = slices.DeleteFunc(senders, func(s stream.Sender) bool { return prefixes[s.Sender] != group })
	}
	senders = matching(senders, values.Get("search"))
	total, known := len(senders), 0
	for i := range senders {
		if hasCadence(&senders[i]) {
			known++
		}
	}
	if less != nil {
		slices.SortStableFunc(senders, less)
	}
	senders = senders[min(offset, total):]
	if limit > 0 && len(senders) > limit {
		senders = senders[:limit]
	}
	if senders == nil {
		senders = []stream.Sender{} // [], not null
	}
	now := time.Now()
	for i := range senders {
		if pod := h.pods.Of(senders[i].Sender, now); pod != nil && senders[i].Ours {
			senders[i].Pod = pod
		}
	}
	return answer(w, struct {
		Senders     []stream.Sender `json:"senders"`
		Total       int             `json:"total"`
		WithCadence int             `json:"with_cadence"`
		PodsTold    bool            `json:"pods_told"`
	}{senders, total, known, h.pods.Told(now)})
}

// matching returns the senders whose name holds a text, case aside.
func matching(senders []stream.Sender, search string) []stream.Sender {
	if search = strings.ToLower(search); search == "" {
		return senders
	}
	return slices.DeleteFunc(senders, func(s stream.Sender) bool { return !strings.Contains(strings.ToLower(s.Sender), search) })
}

// hasCadence reports whether s is more than one message, or a retained one: when its
// next message is due is known, or it told how it is.
func hasCadence(s *stream.Sender) bool { return s.State != stream.Unknown || s.ExpectedMS > 0 }

// senderOrders are the orders of senders that are by name; nil leaves them so. In
// each other one those without a cadence are last.
var senderOrders = map[string]func(a, b stream.Sender) int{
	"":     nil,
	"name": apart(func(stream.Sender, stream.Sender) int { return 0 }),
	"trouble": apart(func(a, b stream.Sender) int {
		return cmp.Compare(slices.Index(troubleOrder, a.State), slices.Index(troubleOrder, b.State))
	}),
	"rate":    apart(func(a, b stream.Sender) int { return cmp.Compare(b.Rates.Minute, a.Rates.Minute) }),
	"missed":  apart(func(a, b stream.Sender) int { return cmp.Compare(b.Missed, a.Missed) }),
	"latency": apart(func(a, b stream.Sender) int { return cmp.Compare(p99(b), p99(a)) }),
}

// troubleOrder has first what a person should look at.
var troubleOrder = []stream.State{stream.Lost, stream.Silent, stream.Late, stream.OnTime, stream.Paused, stream.Gone, stream.Unknown}

// apart returns an order by compare, then by name, with those last that have no cadence.
func apart(compare func(a, b stream.Sender) int) func(a, b stream.Sender) int {
	return func(a, b stream.Sender) int {
		if x, y := hasCadence(&a), hasCadence(&b); x != y {
			if x {
				return -1
			}
			return 1
		}
		return cmp.Or(compare(a, b), compareNatural(a.Sender, b.Sender))
	}
}

func p99(s stream.Sender) float64 {
	if s.LatencyMS == nil {
		return -1
	}
	return s.LatencyMS.P99
}

// compareNatural compares names with their numbers as numbers: press-2 is before
// press-10.
func compareNatural(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		m, n := digits(x), digits(y)
		if m == 0 || n == 0 {
			if x[0] != y[0] {
				return cmp.Compare(x[0], y[0])
			}
			x, y = x[1:], y[1:]
			continue
		}
		p, q := strings.TrimLeft(x[:m], "0"), strings.TrimLeft(y[:n], "0")
		if c := cmp.Or(cmp.Compare(len(p), len(q)), cmp.Compare(p, q)); c != 0 {
			return c
		}
		x, y = x[m:], y[n:]
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(a, b))
}

// digits returns how many digits s begins with.
func digits(s string) int {
	return len(s) - len(strings.TrimLeft(s, "0123456789"))
}

// The bounds of what POST /api/pods takes: names as Kubernetes allows them, and a reason
// of one word or short sentence.
const (
	maxPods   = 10_000
	maxName   = 253
	maxReason = 256
)

// A podsHandler answers POST /api/pods: what the holder of the forwards knows of the
// pods behind the senders. It takes the place of what was told before.
type podsHandler struct{ pods *pods.Known }

func (h podsHandler) post(w http.ResponseWriter, r *http.Request) error {
	var in remote.Pods
	if err := readBody(w, r, &in); err != nil {
		return err
	}
	switch {
	case in.Pods == nil:
		return badRequest("give pods; [] is none")
	case len(in.Pods) > maxPods:
		return badRequest(fmt.Sprintf("%d pods; at most %d", len(in.Pods), maxPods))
	}
	for _, p := range in.Pods {
		switch {
		case p.Name == "" || len(p.Name) > maxName || safetext.Clean(p.Name) != p.Name:
			return badRequest("name: this cannot be a pod's name")
		case !slices.Contains(podPhases, p.Phase):
			return badRequest("phase: it is one of " + strings.Join(podPhases, ", "))
		case len(p.Reason) > maxReason:
			return badRequest(fmt.Sprintf("reason: it has %d bytes; at most %d", len(p.Reason), maxReason))
		}
	}
	until := h.pods.Set(in.Pods, time.Now())
	return answer(w, struct {
		Pods    int         `json:"pods"`
		Expires stream.Time `json:"expires"`
	}{len(in.Pods), stream.Time(until)})
}

// podPhases are those of Kubernetes, and the one that kubectl shows of a pod that is
// being deleted.
var podPhases = []string{"Pending", "Running", "Succeeded", "Failed", "Unknown", "Terminating"}
