// Package lines writes the stream as text, one message a line, for pipes and
// scripts.
//
//	Store ── Follower ──▶ Write ──▶ Out   14:02:31.114  press-1  Hello world  4.112 s after its last
//	                        │             or the message as JSON
//	                        └─────▶ Err   retry in 4 s, degraded; with JSON also 3 missed
//
// It holds no messages in memory. The full screen is package tui.
package lines
