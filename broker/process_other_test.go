//go:build !unix

package broker

import (
	"os"
	"os/exec"
)

func hogDescriptors() {}

func ownGroup(*exec.Cmd) {}

func killGroup(p *os.Process) { p.Kill() }

func limitDescriptors(uint64) error { return nil }

func (a *arena) descriptors(bool) {
	if t, ok := a.t.(interface{ Skip(...any) }); ok {
		t.Skip("file descriptors are not limited on this system")
	}
}
