package state_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"hellox/cmd/hellox/state"
)

var here = state.Installation{Target: "kind", Profile: "hellox", Namespace: "press"}

// TestLock walks the life of an owner: acquired once, alive once published,
// scaled and stopped through its control listener, gone after its release.
func TestLock(t *testing.T) {
	t.Parallel()
	ctx, root := context.Background(), t.TempDir()
	dir := state.DirOf(root, here)
	lock, err := dir.Acquire(state.Instance{Installation: here})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dir.Acquire(state.Instance{Installation: here}); !errors.Is(err, state.ErrLocked) {
		t.Errorf("a second Acquire: %v, want ErrLocked", err)
	}
	if _, err := dir.Read(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Read before Publish: %v, want fs.ErrNotExist", err)
	}
	var scaled int
	if err := lock.Publish("http://127.0.0.1:8420", "mqtt://127.0.0.1:1883", true, func(n int) error { scaled = n; return nil }); err != nil {
		t.Fatal(err)
	}
	all, err := state.List(root)
	if err != nil || len(all) != 1 {
		t.Fatalf("List: %d instances, %v", len(all), err)
	}
	instance := all[0]
	if instance.Installation != here || instance.Owner.PID != os.Getpid() || !instance.Owner.Detached || !instance.Alive(ctx) {
		t.Errorf("published %+v of %+v, alive %v", instance, instance.Owner, instance.Alive(ctx))
	}
	if err := instance.Scale(ctx, 5); err != nil || scaled != 5 {
		t.Errorf("scaled to %d: %v", scaled, err)
	}
	stranger := instance
	owner := *instance.Owner
	owner.Token = "guessed"
	stranger.Owner = &owner
	if stranger.Alive(ctx) || stranger.Scale(ctx, 1) == nil {
		t.Error("the control listener answers without its token")
	}

	released := make(chan error, 1)
	go func() {
		<-lock.Stopped()
		released <- lock.Release()
	}()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := errors.Join(instance.Stop(ctx, instance.Process(ctx)), <-released); err != nil {
		t.Fatal(err)
	}
	left, err := dir.Read()
	if err != nil || left.Owner != nil || left.Broadcasters == nil || *left.Broadcasters != 5 {
		t.Errorf("after Release: %+v, %v", left, err)
	}
	if instance.Alive(ctx) {
		t.Error("alive after Release")
	}
	again, err := dir.Acquire(left)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Release(); err != nil {
		t.Error(err)
	}
}

// TestStoredInstance reads the record that the first format wrote.
func TestStoredInstance(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(filepath.Join("testdata", "record.v1.json"))
	if err != nil {
		t.Fatal(err)
	}
	i, err := readRecord(t, string(b))
	if err != nil {
		t.Fatal(err)
	}
	if i.String() != "kind-hellox · hellox" || i.Broadcasters == nil || *i.Broadcasters != 3 ||
		i.Owner == nil || i.Owner.PID != 4711 || i.Owner.Web != "http://127.0.0.1:8420" || i.Owner.Token == "" {
		t.Errorf("read %+v, owner %+v", i, i.Owner)
	}
}

// TestUnreadable tells what to do about a record that is damaged or newer.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	for _, content := range []string{`{"version":1,`, `{"version":99}`} {
		_, err := readRecord(t, content)
		hinted, ok := errors.AsType[interface {
			error
			Hint() string
		}](err)
		if !ok || hinted.Hint() == "" {
			t.Errorf("%s: %v, want an error with a hint", content, err)
		}
	}
}

func readRecord(t *testing.T, content string) (state.Instance, error) {
	t.Helper()
	dir := state.DirOf(t.TempDir(), here)
	if err := os.MkdirAll(string(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(string(dir), "record.json"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir.Read()
}

// A file where a folder of the state should be is named, with what to type.
func TestFileInPlaceOfFolder(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has other errors for it")
	}
	base := t.TempDir()
	file := filepath.Join(base, "hellox")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, listed := state.List(file)
	_, read := state.DirOf(file, here).Read()
	_, acquired := state.DirOf(file, here).Acquire(state.Instance{Installation: here})
	for name, err := range map[string]error{"list": listed, "read": read, "acquire": acquired} {
		h, ok := errors.AsType[interface {
			error
			Hint() string
		}](err)
		if !ok || !strings.Contains(err.Error(), file+" is a file") || h.Hint() != "mv "+file+" "+file+".old" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
