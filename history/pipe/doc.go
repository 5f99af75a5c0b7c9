// Package pipe hands arrivals out as the messages of a history that stores none:
// what watch writes as lines when it is given a broker's URL.
//
//	arrivals ─► Follower: ID, deltas, gaps, duplicates ─► events
//
// Nothing is read ahead: while Next is not called, the broker waits. Package memory
// holds messages, for the full screen.
package pipe
