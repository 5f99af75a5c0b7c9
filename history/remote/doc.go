// Package remote is the history behind another process's API.
package remote
