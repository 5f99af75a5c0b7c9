// Package args defines flags that check their values as they are set, sets flags
// from the environment, and words what is wrong with a value.
//
// A flag that says by itself which values it takes is told apart from one of the
// same name of another command: the variable HELLOX_OUTPUT=plain is for watch, and
// status ignores it. What a command does with its flags is no part of this package.
package args
