// Package args defines flags that check their values as they are set, sets flags
// from the environment, and words what is wrong with a value.
//
//	--output plain ───────┐
//	                      ├─► a flag's own check ─► the value, or one sentence
//	HELLOX_OUTPUT=plain ──┘          └─ from a variable, and another command's flag
//	                                    takes it: ignored
//
// A flag that says by itself which values it takes is told apart from one of the
// same name of another command: the variable HELLOX_OUTPUT=plain is for watch, and
// status ignores it. What a command does with its flags is no part of this package.
package args
