package rig

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// CPU returns the CPU time of a process so far, in steps of 10 ms.
func CPU(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// Resident returns how many bytes of a process are in memory.
func Resident(pid int) int64 { return fieldOf(pid, "status", "VmRSS:") << 10 }

// Anonymous returns how many of them are not mapped from a file, as the program itself is.
func Anonymous(pid int) int64 { return fieldOf(pid, "status", "RssAnon:") << 10 }

// Written returns how many bytes a process has caused to be written to disks.
func Written(pid int) int64 { return fieldOf(pid, "io", "write_bytes:") }

func fieldOf(pid int, file, name string) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n
		}
	}
	return 0
}
