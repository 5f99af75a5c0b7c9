package main

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// A disk is what appending and syncing a small record costs.
type disk struct{ p50, p99 time.Duration }

// probeDisk appends 160 bytes and syncs them, 1,000 times: back to back, or
// one in every so much time. A disk that rests in between, and the processor
// with it, takes longer.
func probeDisk(dir string, every time.Duration) (disk, error) {
	path := filepath.Join(dir, "hellox-bench-disk")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return disk{}, err
	}
	defer os.Remove(path)
	defer f.Close()
	times := make([]time.Duration, 1000)
	record := make([]byte, 160)
	var pace <-chan time.Time
	if every > 0 {
		tick := time.NewTicker(every)
		defer tick.Stop()
		pace = tick.C
	}
	for i := range times {
		if pace != nil {
			<-pace
		}
		began := time.Now()
		if _, err := f.Write(record); err != nil {
			return disk{}, err
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			return disk{}, err
		}
		times[i] = time.Since(began)
	}
	slices.Sort(times)
	return disk{times[len(times)/2], times[len(times)*99/100]}, nil
}
