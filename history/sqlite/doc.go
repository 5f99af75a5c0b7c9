// Package sqlite is the history in one SQLite file: the receiver's own.
package sqlite
