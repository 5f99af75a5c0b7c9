// Package doctor judges what hellox up needs on this machine: each thing is ok, a
// warning (up works, and differs from what one may expect) or a failure, with the
// command that cures it.
//
//	Examine ─┬─ clusters: each provider's, their nodes, kubeconfig ──► Check
//	         ├─ image: whether this executable runs on the nodes
//	         ├─ ports: whether the page and the broker get theirs
//	         └─ folders: state and cache, and the room on their disks
//
// It changes nothing: what is stopped stays so. What a machine has recorded is
// judged in cmd/hellox, which knows the records.
package doctor
