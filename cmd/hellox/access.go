package main

import (
	"context"

	"hellox/bootstrap"
	"hellox/cmd/hellox/state"
)

// targetLocal is the target without a cluster: all in one process.
const targetLocal = string(bootstrap.Local)

// access is a way to an installation's page and broker.
type access struct {
	state.Installation
	web   string // URL of the page and its API
	mqtt  string // URL of the broker
	own   bool   // the forwards are this command's own, and end with close
	close func()
}

// reach finds the selected installation and a way to it: the forwards that an
// up holds, or of its own.
func (s selection) reach(ctx context.Context, sh shell) (access, error) {
	r, err := s.one(ctx, sh)
	if err != nil {
		return access{}, err
	}
	if r.Alive(ctx) {
		return access{r.Installation, r.Owner.Web, r.Owner.MQTT, false, func() {}}, nil
	}
	return forwardOwn(ctx, sh, r.Installation)
}
