package bootstrap

import (
	"strings"
	"testing"
	"time"
)

func testLock(t *testing.T, r *rig, inst *Installation) {
	ctx := t.Context()
	_, held, err := AcquireLock(ctx, inst, "ann@laptop, process 4242", func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	err = r.options(t, inst.Namespace, r.programs[1]).up(ctx, newTold(t))
	if err == nil || !strings.Contains(err.Error(), "ann@laptop, process 4242") {
		t.Errorf("a second up: %v", err)
	}
	// A holder that was killed renews no more, and is waited for no longer
	// than its term.
	held.stop()
	<-held.stopped
	began := time.Now()
	up(t, r.options(t, inst.Namespace, r.programs[1]))
	t.Logf("a dead holder held it up for %s", time.Since(began))
	// The dead one, if it was only slow, does not take away the new one's.
	if err := held.renew(ctx); err == nil {
		t.Error("a lock that was taken over was renewed by its former holder")
	}
}
