// Command cluster proves what three nodes of hellox nats promise while parts of them are
// taken away: each message that was acknowledged is stored once, and each reader of the
// event stream gets each ID once.
//
//	broadcasters ─► hellox nats ×3 ─► hellox receive ×2 ─► readers of /api/events
//	 (this process)     ▲                   ▲                (this process)
//	                    └── killed, cut off, stopped, their disks filled ──┘
//
// It first measures what the cluster sustains, and then publishes at half of that. After
// each event it prints what was acknowledged, stored, doubled, lost and reordered and the
// longest pause, and in the end it exits with 1 if something was lost, doubled or
// reordered, or did not heal.
//
// As root it runs itself in a network and a mount namespace of its own, in which each
// node has another network namespace and a small disk: there a node can be cut off and a
// disk filled. Nothing of that outlives it. Otherwise these events are skipped.
//
// Not here: Kubernetes (the tests of cmd/hellox), and how fast a broker is (bench/broker).
package main
