package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/shirou/gopsutil/v4/disk"

	"hellox/bootstrap/run"
)

// How much room a disk should have: for what up writes (the image of 60 MB, packed and
// loaded, and the history), and so that a kubelet does not evict pods.
const (
	littleRoom = 2 << 30
	noRoom     = 200 << 20
)

// folders judges whether hellox can write where it keeps its files, and the room there.
func (e *examination) folders() {
	e.folder("state folder", e.StateDir, "XDG_STATE_HOME")
	e.folder("cache folder", e.CacheDir, "XDG_CACHE_HOME")
}

func (e *examination) folder(name, dir, variable string) {
	existing, err := writable(dir)
	if err != nil {
		e.add(fail(name, fmt.Sprintf("%s cannot be written to: %s", dir, cause(err)),
			fmt.Sprintf("chmod u+rwx %s, or %s=$HOME/hellox hellox up", existing, variable)))
		return
	}
	usage, err := disk.Usage(existing)
	if err != nil {
		e.add(warn(name, fmt.Sprintf("%s is writable; the room on its disk is not known: %s", dir, err), "df -h "+existing))
		return
	}
	e.add(room(name, dir, existing, usage.Free))
}

// room judges the free bytes of the disk of dir; at is what df is asked for.
func room(name, dir, at string, free uint64) Check {
	text := fmt.Sprintf("%s has %s free", dir, size(free))
	cure := "df -h " + at + "; docker system prune"
	switch {
	case free < noRoom:
		return fail(name, text+": too little for an image and the history", cure)
	case free < littleRoom:
		return warn(name, text, cure)
	}
	return ok(name, text)
}

// engineRoom judges the disk on which Docker keeps the nodes, if that is on this
// machine: on macOS and Windows it is in a virtual machine.
func (e *examination) engineRoom(ctx context.Context) {
	if _, ok := e.Runner.Look("docker"); !ok {
		return
	}
	out, err := e.Runner.Ask(ctx, run.AnswerLimit, run.Command{Name: "docker", Args: []string{"info", "--format", "{{.DockerRootDir}}"}})
	dir := strings.TrimSpace(out.Stdout)
	if err != nil || !filepath.IsAbs(dir) { // a provider's check says what is wrong
		return
	}
	if usage, err := disk.Usage(dir); err == nil {
		e.add(room("disk of Docker", dir, dir, usage.Free))
	}
}

// writable returns the deepest folder of dir that exists, and why a file cannot be
// made there.
func writable(dir string) (existing string, err error) {
	existing = dir
	for {
		info, err := os.Stat(existing)
		if err == nil && !info.IsDir() {
			return existing, errors.New("it is no folder")
		}
		if err == nil {
			break
		}
		up := filepath.Dir(existing)
		if !errors.Is(err, fs.ErrNotExist) || up == existing {
			return existing, err
		}
		existing = up
	}
	f, err := os.CreateTemp(existing, ".hellox-doctor-")
	if err != nil {
		return existing, err
	}
	return existing, errors.Join(f.Close(), os.Remove(f.Name()))
}

// cause leaves out the operation and the path, which the sentence has.
func cause(err error) error {
	if e := new(fs.PathError); errors.As(err, &e) {
		return e.Err
	}
	return err
}

func size(bytes uint64) string {
	if bytes < 10<<30 {
		return fmt.Sprintf("%d MB", bytes>>20)
	}
	return fmt.Sprintf("%d GB", bytes>>30)
}
