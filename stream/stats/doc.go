// Package stats measures senders: rates, intervals, latencies, and whether a
// sender is on time.
//
//	                ┌► ring   messages in a sliding window     ──► Rates
//	message ► Meter ┤
//	                └► tally  distribution of the last hour    ──► Spread, Quantile,
//	                                                               Histogram ► Uniformity
//	message, presence ► Cadence                                ──► on time, late, silent, paused,
//	                                                               gone, lost, unknown
//
// Nothing here has a clock or a goroutine: times are arguments, and the caller
// synchronizes. Sequence numbers and gaps are package track's.
package stats
