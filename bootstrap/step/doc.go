// Package step says how the steps of an up, a down or a scale get on, and what
// an error that stops one is: a Kind for the exit code, a sentence, and a hint.
// Every package below bootstrap uses it; it imports none of them.
//
//	step ── Reporter ──► cmd/hellox: lines on a terminal, events as JSON
//	        Error    ──► cmd/hellox: exit code, sentence, hint
//
// The steps themselves are not here but in bootstrap, in the order of an up.
package step
