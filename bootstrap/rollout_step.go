package bootstrap

import (
	"context"
	"strings"

	"hellox/bootstrap/step"
)

// rolloutStep is the step of a roll-out, up to its end if that is no error.
func (s *site) rolloutStep(ctx context.Context, steps step.Reporter) error {
	steps.Begin(step.Rollout)
	names, unchanged, err := s.rollout(ctx, steps.Progress)
	if err != nil {
		return err
	}
	steps.Done(strings.Join(names, ", ")+" rolled out", unchanged)
	return nil
}
