// Package step holds what every package of bootstrap reports with: the Reporter
// that receives the progress of an up, a down or a scale, and the Error that stops
// one, with a kind for the exit code, a sentence and a hint.
//
//	step ── Reporter ──► cmd/hellox: lines on a terminal, events as JSON
//	        Error    ──► cmd/hellox: exit code, sentence, hint
//
// The steps themselves are in package bootstrap, in their order.
package step
