// Package opening opens what a role cannot work without and may have to wait for.
//
//	open ◄──── once a second ────┐
//	  │ fails                    │
//	  └─► heals? ── yes ─► Waiting ─► /readyz and the page (503), the log
//	         └───── no ──► the role ends with the error
//
// What is opened, and which errors heal, is the caller's.
package opening
