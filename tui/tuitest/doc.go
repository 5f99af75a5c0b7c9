// Package tuitest holds what the tests of the terminal's packages share: a
// Store made of a slice, messages, and texts that are dangerous to show.
//
//	Store.Add, Say ──▶ slice ──▶ Messages, Senders, Stats, Follow
//
// Only tests import it.
package tuitest
