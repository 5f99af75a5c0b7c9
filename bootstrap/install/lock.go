package install

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"hellox/bootstrap/kube"
	"hellox/bootstrap/step"
)

const (
	lockName = "hellox-up"
	// A lock that was not renewed for lockTerm may be taken over. It is renewed
	// three times as often.
	lockTerm = 6 * time.Second
)

// ErrLockLost is the cause of a context that AcquireLock returned, once the lock was
// lost.
var ErrLockLost = errors.New("its lock was lost")

// A Lock keeps two processes, on any machines, from changing one installation
// at the same time. It is a Lease in the installation's namespace that expires
// when its holder ends: a process that finds one waits at most lockTerm to see
// whether it is renewed. Time is measured by the waiter's own clock only, so
// clocks need not agree.
type Lock struct {
	inst   *Installation
	holder string

	lease   *unstructured.Unstructured // the renewing goroutine's until stopped is closed
	stop    context.CancelFunc
	stopped chan struct{}
}

// AcquireLock takes the installation's lock for holder, a description of a user
// and a process: "ann@laptop, process 4242". The context it returns ends when
// the lock is lost, and must be used for all that needs the lock.
func AcquireLock(ctx context.Context, inst *Installation, holder string, progress func(string)) (context.Context, *Lock, error) {
	version := ""
	for {
		l := &Lock{inst: inst, holder: holder, stopped: make(chan struct{})}
		lease, err := inst.in(kube.Leases).Create(ctx, l.fresh(nil), metav1.CreateOptions{FieldManager: fieldManager})
		if err == nil {
			l.lease = lease
			return l.keep(ctx)
		}
		if !apierrors.IsAlreadyExists(err) {
			return nil, nil, fmt.Errorf("lock namespace %s: %w", inst.Namespace, err)
		}
		old, err := inst.in(kube.Leases).Get(ctx, lockName, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("lock namespace %s: %w", inst.Namespace, err)
		}
		other, _, _ := unstructured.NestedString(old.Object, "spec", "holderIdentity")
		if version != "" && version != old.GetResourceVersion() {
			return nil, nil, busy(inst, other)
		}
		version = old.GetResourceVersion()
		progress("waiting for " + other)
		if err := waitLock(ctx, inst, old); err != nil {
			return nil, nil, err
		}
		// It is gone, or changed, or was not renewed. In the last case it is
		// taken over, unless it changes meanwhile.
		lease, err = inst.in(kube.Leases).Update(ctx, l.fresh(old), metav1.UpdateOptions{FieldManager: fieldManager})
		if err == nil {
			l.lease = lease
			return l.keep(ctx)
		}
		if !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			return nil, nil, fmt.Errorf("lock namespace %s: %w", inst.Namespace, err)
		}
	}
}

func busy(inst *Installation, other string) error {
	return &step.Error{
		Sentence: fmt.Sprintf("the installation in namespace %s is being changed by %s", inst.Namespace, other),
		Hint:     "wait until that has ended, then try again",
	}
}

// waitLock returns when the lease is changed or gone, or after lockTerm.
func waitLock(ctx context.Context, inst *Installation, lease *unstructured.Unstructured) error {
	w, err := inst.in(kube.Leases).Watch(ctx, metav1.ListOptions{
		FieldSelector:   "metadata.name=" + lockName,
		ResourceVersion: lease.GetResourceVersion(),
	})
	if err != nil {
		return fmt.Errorf("lock namespace %s: %w", inst.Namespace, err)
	}
	defer w.Stop()
	changed := w.ResultChan()
	over := time.NewTimer(lockTerm)
	defer over.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-over.C:
			return nil
		case _, ok := <-changed:
			if ok {
				return nil
			}
			changed = nil // the server ended the watch; the time still counts
		}
	}
}

// fresh returns the lease as its holder writes it, replacing old if there is
// one. It names old's UID, because an update that names only a version creates a
// Lease that is gone.
func (l *Lock) fresh(old *unstructured.Unstructured) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "coordination.k8s.io/v1",
		"kind":       "Lease",
		"metadata": map[string]any{
			"name":      lockName,
			"namespace": l.inst.Namespace,
			"labels":    l.inst.labels(),
		},
		"spec": map[string]any{
			"holderIdentity":       l.holder,
			"leaseDurationSeconds": int64(lockTerm / time.Second),
			"renewTime":            time.Now().UTC().Format(metav1.RFC3339Micro),
		},
	}}
	if old != nil {
		u.SetUID(old.GetUID())
		u.SetResourceVersion(old.GetResourceVersion())
	}
	return u
}

// keep renews the lease until Release, and cancels the context it returns when
// that fails for too long.
func (l *Lock) keep(ctx context.Context) (context.Context, *Lock, error) {
	renew, stop := context.WithCancel(ctx)
	held, lose := context.WithCancelCause(ctx)
	l.stop = stop
	go func() {
		defer close(l.stopped)
		tick := time.NewTicker(lockTerm / 3)
		defer tick.Stop()
		last := time.Now()
		for {
			select {
			case <-renew.Done():
				return
			case <-tick.C:
			}
			err := l.renew(renew)
			switch {
			case renew.Err() != nil:
				return
			case err == nil:
				last = time.Now()
			case apierrors.IsConflict(err), apierrors.IsNotFound(err), time.Since(last) > lockTerm:
				lose(fmt.Errorf("change namespace %s: %w: %w", l.inst.Namespace, ErrLockLost, err))
				return
			}
		}
	}()
	return held, l, nil
}

func (l *Lock) renew(ctx context.Context) error {
	lease, err := l.inst.in(kube.Leases).Update(ctx, l.fresh(l.lease), metav1.UpdateOptions{FieldManager: fieldManager})
	if err == nil {
		l.lease = lease
	}
	return err
}

// Release releases the lock. It takes at most a second, even if the context of
// the work was cancelled; a lease that it cannot delete then expires.
func (l *Lock) Release(ctx context.Context) {
	l.stop()
	<-l.stopped
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	uid, version := l.lease.GetUID(), l.lease.GetResourceVersion()
	// If this fails the lease expires after lockTerm.
	_ = l.inst.in(kube.Leases).Delete(ctx, lockName, metav1.DeleteOptions{
		Preconditions: &metav1.Preconditions{UID: &uid, ResourceVersion: &version},
	})
}
