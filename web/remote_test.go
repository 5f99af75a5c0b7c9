package web

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"hellox/history"
	"hellox/history/remote"
	"hellox/stream/filter"
)

// history/remote reads through the API what the store contains.
func TestRemoteReadsTheSame(t *testing.T) {
	store := newStore(t)
	store.put(t, hellos(300)...)
	store.put(t, hello("press-2", 1, time.Now()), hello("press-2", 5, time.Now()), arrival("oven/3", []byte("\xff\x00\u202e"), time.Now()))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	remote, err := remote.Open(ctx, serve(t, Options{Store: store}))
	if err != nil {
		t.Fatal(err)
	}
	defer remote.Close()
	filter, err := filter.Parse("-is:ours or seq>250")
	if err != nil {
		t.Fatal(err)
	}
	for name, q := range map[string]history.Query{
		"newest": {}, "start": {FromStart: true, Limit: 7}, "after": {After: 100}, "before": {Before: 100, Limit: 3},
		"topic": {Select: history.Select{Topics: []string{"oven/+", "a"}}}, "sender": {Select: history.Select{Sender: "press-2"}},
		"filter": {FromStart: true, Limit: 10, Select: history.Select{Filter: filter}},
		"since":  {Since: time.Now().Add(-30 * time.Second), Until: time.Now().Add(-10 * time.Second)},
	} {
		want, err := store.Messages(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		got, err := remote.Messages(ctx, q)
		if err != nil || got.Next != want.Next || len(got.Messages) != len(want.Messages) {
			t.Errorf("%s: %d messages, next %d, %v; want %d, next %d", name, len(got.Messages), got.Next, err, len(want.Messages), want.Next)
			continue
		}
		for i := range got.Messages {
			if g, w := string(got.Messages[i].AppendJSON(nil)), string(want.Messages[i].AppendJSON(nil)); g != w {
				t.Errorf("%s: %s, want %s", name, g, w)
			}
		}
	}
	senders, err := remote.Senders(ctx)
	if want, _ := store.Senders(ctx); err != nil || len(senders) != len(want) || senders[0].Sender != want[0].Sender || senders[0].Messages != want[0].Messages {
		t.Errorf("senders %+v, %v; want %+v", senders, err, want)
	}
	intervals, err := remote.Intervals(ctx)
	if want, _ := store.Intervals(ctx); err != nil || !reflect.DeepEqual(intervals, want) {
		t.Errorf("intervals %+v, %v; want %+v", intervals, err, want)
	}
	if _, err := remote.Message(ctx, 999); !errors.Is(err, history.ErrNotFound) {
		t.Errorf("a message that is not there: %v", err)
	}

	follower := remote.Follow(history.Follow{After: 298})
	defer follower.Close()
	var ids []int64
	for len(ids) < 6 {
		events, err := follower.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if e.Message != nil {
				if ids = append(ids, e.Message.ID); e.Message.ID == 303 {
					store.put(t, hello("press-2", 6, time.Now()))
				}
			}
		}
	}
	if want := []int64{299, 300, 301, 302, 303, 304}; !reflect.DeepEqual(ids, want) {
		t.Errorf("followed %v, want %v", ids, want)
	}
}
