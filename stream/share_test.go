package stream_test

import (
	"testing"

	"hellox/stream"
)

// TestShares holds that the processes of a fleet have each of its IDs once, and that each
// has its share alone.
func TestShares(t *testing.T) {
	for _, total := range []int{0, 1, 499, 500, 501, 1234, 10_000} {
		seen := map[string]bool{}
		for _, name := range []string{"broadcast-0", "broadcast-1", "broadcast-2", "broadcast-7", "broadcast-19", "broadcast-20"} {
			s, err := stream.ShareOf(name, total)
			if err != nil {
				t.Fatal(err)
			}
			for i := range s.Count {
				id := s.ID(i)
				if seen[id] || !stream.InShare(name, id) || stream.InShare("broadcast-3", id) || stream.InShare("other-0", id) {
					t.Errorf("%s of %d: %s", name, total, id)
				}
				seen[id] = true
			}
		}
		if want := min(total, 1500) + max(min(total-3500, 500), 0) + max(min(total-9500, 500), 0); len(seen) != want {
			t.Errorf("of %d, %d have a process; want %d", total, len(seen), want)
		}
	}
	for _, name := range []string{"", "broadcast", "broadcast-", "-1", "broadcast-01", "broadcast-+1", "broadcast--1x", "broadcast-99999999999999999999", "broadcast-1 "} {
		if _, err := stream.ShareOf(name, 1000); err == nil {
			t.Errorf("%q has a share", name)
		}
	}
	for id, in := range map[string]bool{
		"broadcast-500": true, "broadcast-999": true, "broadcast-499": false, "broadcast-1000": false, "broadcast-1": false, "broadcast-0500": false,
		"broadcast-+500": false, "broadcast-500-1": false, "broadcast500": false, "broadcast-500 ": false, "broadcast": false, "": false, "Broadcast-500": false, "broadcast-9223372036854775808": false,
	} {
		if got := stream.InShare("broadcast-1", id); got != in {
			t.Errorf("%q in the share of broadcast-1: %v", id, got)
		}
	}
}
