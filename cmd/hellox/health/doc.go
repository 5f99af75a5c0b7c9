// Package health tells a person what becomes of an installation while a command
// holds it.
//
//	history.Stats ── Every ──────► Follow ──► Degraded, Recovered of output.Steps
//	portforward.Forward ────────► FollowForwards ──► Failing, Well
//
// Reading the figures stays in history, showing them in cmd/hellox/output.
package health
