// Package memory is the history of one run: as much of it as fits in memory.
package memory
