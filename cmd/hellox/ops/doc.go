// Package ops is a role's listener for its operator: probes and metrics.
//
//	kubelet ── GET /healthz ──┐            the process answers
//	kubelet ── GET /readyz  ──┤ Serve      Health.Ready, Health.Degraded
//	Prometheus GET /metrics ──┘            NewRegistry, and what the role registers
//
// The page and its API have a listener of their own, in web.
package ops
