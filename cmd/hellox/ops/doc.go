// Package ops is what a role has for its operator: probes, metrics and its log.
//
//	kubelet ── GET /healthz ──┐            the process answers
//	kubelet ── GET /readyz  ──┤ Serve      Health.Ready, Health.Degraded
//	Prometheus GET /metrics ──┘            NewRegistry, and what the role registers
//	--log-level, --log-format ► LogFlags   on stderr
//
// The page and its API have a listener of their own, in web.
package ops
