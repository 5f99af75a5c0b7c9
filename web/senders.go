package web

import (
	"context"
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
	"hellox/web/senderlist"
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
	less, ok := senderlist.Orders[values.Get("sort")]
	if !ok {
		return badRequest("sort is name, trouble, rate, missed or latency")
	}
	limit, err := numberOr(values, "limit", 0, maxSenders)
	if err != nil {
		return err
	}
	offset := 0
	if v := values.Get("offset"); v != "" && v != "0" {
		if offset, err = number("offset", v, math.MaxInt32); err != nil {
			return err
		}
	}
	now := time.Now()
	senders, err := h.read(r.Context(), now)
	if err != nil {
		return err
	}
	if values.Has("group") {
		prefixes, group := senderlist.Groups(senders), values.Get("group")
		senders = slices.DeleteFunc(senders, func(s stream.Sender) bool { return prefixes[s.Sender] != group })
	}
	senders = senderlist.Matching(senders, values.Get("search"))
	total, known := len(senders), 0
	for i := range senders {
		if senderlist.HasCadence(&senders[i]) {
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
	return answer(w, struct {
		Senders     []stream.Sender `json:"senders"`
		Total       int             `json:"total"`
		WithCadence int             `json:"with_cadence"`
		PodsTold    bool            `json:"pods_told"`
	}{senders, total, known, h.pods.Told(now)})
}

// read returns all senders with what is known of their pods at a time.
func (h sendersHandler) read(ctx context.Context, now time.Time) ([]stream.Sender, error) {
	senders, err := h.store.Senders(ctx)
	if err != nil {
		return nil, fmt.Errorf("read senders: %w", err)
	}
	for i := range senders {
		if pod := h.pods.Of(senders[i].Sender, now); pod != nil && senders[i].Ours {
			senders[i].Pod = pod
		}
	}
	return senders, nil
}

// groups answers GET /api/senders/groups: every sender in one group.
func (h sendersHandler) groups(w http.ResponseWriter, r *http.Request) error {
	values, err := parameters(r, "search")
	if err != nil {
		return err
	}
	senders, err := h.read(r.Context(), time.Now())
	if err != nil {
		return err
	}
	groupOf := senderlist.Groups(senders)
	senders = senderlist.Matching(senders, values.Get("search"))
	return answer(w, struct {
		Groups []*senderlist.Group `json:"groups"`
		Total  int                 `json:"total"`
	}{senderlist.Sum(senders, groupOf), len(senders)})
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
type podsHandler struct{ pods *podNews }

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
	until := h.pods.set(r.Context(), in.Pods, time.Now())
	return answer(w, struct {
		Pods    int         `json:"pods"`
		Expires stream.Time `json:"expires"`
	}{len(in.Pods), stream.Time(until)})
}

// podPhases are those of Kubernetes, and the one that kubectl shows of a pod that is
// being deleted.
var podPhases = []string{"Pending", "Running", "Succeeded", "Failed", "Unknown", "Terminating"}
