package state

import "os"

// resume does nothing: Windows does not stop a process by a signal.
func resume(*os.Process) error { return nil }

// removeCommand is what a person types before a file's name to remove it.
const removeCommand = "del"

// moveCommand is what a person types before two names to rename a file.
const moveCommand = "move"

// killCommand is what a person types before a process ID to end that process.
const killCommand = "taskkill /F /PID"

// stopCommand is the same for a process that is to end in order.
const stopCommand = "taskkill /PID"
