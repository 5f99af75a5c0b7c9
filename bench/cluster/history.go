package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// A history is what the receivers' history was seen to hold.
type history struct {
	after     int64 // the last ID
	ids       []int64
	stored    map[senderRun]map[uint64]bool
	highest   map[senderRun]uint64
	doubled   int
	reordered int
}

func newHistory() *history {
	return &history{stored: map[senderRun]map[uint64]bool{}, highest: map[senderRun]uint64{}}
}

// read reads on to the history's end.
func (h *history) read(ctx context.Context, page string) error {
	for ctx.Err() == nil {
		var answer struct {
			Messages []struct {
				ID     int64  `json:"id"`
				Sender string `json:"sender"`
				Boot   string `json:"boot"`
				Seq    uint64 `json:"seq"`
			} `json:"messages"`
		}
		if err := get(ctx, fmt.Sprintf("%s/api/messages?after=%d&limit=5000", page, h.after), &answer); err != nil {
			return err
		}
		if len(answer.Messages) == 0 {
			return nil
		}
		for _, m := range answer.Messages {
			h.add(m.ID, senderRun{m.Sender, m.Boot}, m.Seq)
		}
	}
	return ctx.Err()
}

func (h *history) add(id int64, run senderRun, seq uint64) {
	h.after = id
	h.ids = append(h.ids, id)
	if h.stored[run] == nil {
		h.stored[run] = map[uint64]bool{}
	}
	switch {
	case h.stored[run][seq]:
		h.doubled++
	case seq < h.highest[run]:
		h.reordered++
	}
	h.stored[run][seq] = true
	h.highest[run] = max(h.highest[run], seq)
}

// missing returns how many of the acknowledged are not there.
func (h *history) missing(acknowledged map[senderRun]uint64) (n int) {
	for run, last := range acknowledged {
		for seq := uint64(1); seq <= last; seq++ {
			if !h.stored[run][seq] {
				n++
			}
		}
	}
	return n
}

// between returns how many messages have an ID from first to last.
func (h *history) between(first, last int64) int64 {
	low, _ := slices.BinarySearch(h.ids, first)
	high, _ := slices.BinarySearch(h.ids, last+1)
	return int64(high - low)
}

var client = &http.Client{Timeout: 15 * time.Second}

func get(ctx context.Context, url string, to any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(to)
}
