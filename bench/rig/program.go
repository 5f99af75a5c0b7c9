package rig

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Program returns path, or, if that is "", the path of a hellox that it builds from this
// tree into dir.
func Program(ctx context.Context, path, dir string) (string, error) {
	if path != "" {
		return path, nil
	}
	path = filepath.Join(dir, "hellox")
	build := exec.CommandContext(ctx, "go", "build", "-o", path, "./cmd/hellox")
	build.Dir = ".."                                  // the repository's root: the module of the benchmarks lacks its modules
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is released
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build hellox: %w\n%s", err, out)
	}
	return path, nil
}

// A Usage is what a program has used.
type Usage struct {
	CPU  time.Duration // user and system
	Peak int64         // resident, in KiB
}

// UsageOf returns what a program that has ended has used.
func UsageOf(s *os.ProcessState) Usage {
	u, _ := s.SysUsage().(*syscall.Rusage)
	return Usage{s.UserTime() + s.SystemTime(), int64(u.Maxrss)}
}
