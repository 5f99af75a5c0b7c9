package bootstrap

import "testing"

func testKilled(t *testing.T, r *rig) {}
