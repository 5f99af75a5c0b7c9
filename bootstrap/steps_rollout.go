package bootstrap

import (
	"context"
	"strings"
)

// rolloutStep is the step of a roll-out.
func (s *site) rolloutStep(ctx context.Context, steps Steps) error {
	steps.Begin(StepRollout)
	names, unchanged, err := s.rollout(ctx, steps.Progress)
	if err != nil {
		steps.Fail(err)
		return err
	}
	steps.Done(strings.Join(names, ", ")+" rolled out", unchanged)
	return nil
}
