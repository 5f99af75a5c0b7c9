// Package output writes what commands tell people and scripts, and knows what the
// terminal at the other end can show.
//
//	up, down, scale ── step.Steps ──► Steps ──┬─ " ✓ text        0.1 s" ─► stderr
//	                                          └─ {"state":"done",…} ─────► stdout, --output json
//	errors, status, tell ── OneLine ──► one safe line
//
// The stream itself is shown by tui. What a command decides (exit codes, hints)
// stays in cmd/hellox.
package output
