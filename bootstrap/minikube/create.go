package minikube

import (
	"context"
	"errors"
	"fmt"

	"hellox/bootstrap/cluster"
)

// Create implements Provider. A start that failed or was interrupted is not
// repaired by another start, though that one would report success: what it
// left is deleted.
func (m *Provider) Create(ctx context.Context, c cluster.Candidate, progress func(string)) (cluster.Candidate, error) {
	restore, err := cluster.KubeconfigOf(m.runner).KeepContext()
	if err != nil {
		return c, err
	}
	marker, err := cluster.BeginCreation(m.stateDir, c)
	if err != nil {
		return c, err
	}
	if c.State == cluster.Interrupted {
		if err := m.Delete(ctx, c); err != nil {
			return c, errors.Join(fmt.Errorf("delete what was left of %s: %w", c, err), marker.Leave())
		}
	}
	out, err := m.run(ctx, steps(progress), "start", "-p", c.Name, "-o", "json")
	switch {
	case err == nil:
		if err := errors.Join(restore(), marker.Remove()); err != nil {
			return c, err
		}
		return m.running(ctx, c)
	case ctx.Err() != nil:
		// To delete takes longer than an interrupted command may: it goes
		// on without us. If that fails too, the next `up` sees to it. The
		// context goes first: with the profile minikube deletes its own.
		rerr := restore()
		m.deleteLater(c)
		return c, errors.Join(err, rerr, marker.Leave())
	}
	err = refusal("make", c, out, err)
	if gone := m.Delete(ctx, c); gone != nil {
		return c, errors.Join(err, gone, restore(), marker.Leave())
	}
	return c, errors.Join(err, restore(), marker.Remove())
}
