package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"hellox/smallfile"
)

// Instance is what this machine records of one installation: written by up,
// removed by down. What runs in a cluster is recorded in that cluster; this
// tells how to find it again, and which process owns its forwards.
type Instance struct {
	Version int `json:"version"`
	Installation
	// Engine is the environment variables that select the container engine which has the
	// cluster; "" if it is not known.
	Engine string `json:"engine,omitempty"`
	// Broadcasters is how many up or scale were asked for, of a local one.
	Broadcasters *int   `json:"broadcasters,omitempty"`
	Owner        *Owner `json:"owner,omitempty"`
	// Unreadable is why the record could not be read; only the installation is known then.
	Unreadable error `json:"-"`

	dir Dir // where it was read
}

// Dir returns the directory that i was read from.
func (i Instance) Dir() Dir { return i.dir }

// Owner is the process that holds an installation's forwards, or that is the
// installation (target local). It may have ended: see Instance.Process.
type Owner struct {
	PID      int       `json:"pid"`
	Started  time.Time `json:"started"`
	Detached bool      `json:"detached"`
	Web      string    `json:"web"`     // URL of the page
	MQTT     string    `json:"mqtt"`    // URL of the broker
	Control  string    `json:"control"` // host:port of its control listener
	Token    string    `json:"token"`   // proves to the control listener that the client may read this file
}

// Versions of the record: 1 called the owner "holder". It is still read, so that
// what an older hellox has up can be stopped by this one.
const instanceVersion = 2

// Write replaces the record in d: durable, whole or not at all, for this user only.
func (d Dir) Write(i Instance) error {
	i.Version = instanceVersion
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return fmt.Errorf("write the record of %s: %w", i.Installation, err)
	}
	b, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return fmt.Errorf("write the record of %s: %w", i.Installation, err)
	}
	if err := smallfile.Write(d.instanceFile(), append(b, '\n')); err != nil {
		return fmt.Errorf("record %s: %w", i.Installation, err)
	}
	return nil
}

// ErrVersion is the error of a record that another version of hellox wrote.
var ErrVersion = errors.New("another version of hellox wrote it")

// writtenAnew is the hint for a record in d that cannot be read: an up without one
// keeps the data, and writes one.
func writtenAnew(d Dir) string {
	named, _ := parseFolder(filepath.Base(string(d)))
	return fmt.Sprintf("%s %s && hellox up %s", removeCommand, d.instanceFile(), named.Flags())
}

// Read returns the record in d; the error is fs.ErrNotExist if there is none.
func (d Dir) Read() (Instance, error) {
	b, err := os.ReadFile(d.instanceFile())
	if err != nil {
		return Instance{}, noFolder(string(d), err)
	}
	var stored struct {
		Instance
		Holder *Owner `json:"holder"` // of version 1
	}
	if err := json.Unmarshal(b, &stored); err != nil {
		return Instance{}, &hintError{fmt.Errorf("read the record %s: it is damaged: %w", d.instanceFile(), err),
			writtenAnew(d)}
	}
	i := stored.Instance
	if i.Version == 1 {
		i.Version, i.Owner = instanceVersion, stored.Holder
	}
	if i.Version != instanceVersion {
		return Instance{}, &hintError{fmt.Errorf("read the record %s: %w: it is of version %d, this one knows %d", d.instanceFile(), ErrVersion, i.Version, instanceVersion),
			"use the hellox that wrote it"}
	}
	i.dir = d
	return i, nil
}

// List returns every instance below root, in the order of their names: those on
// record, with why a record cannot be read, and those that a process is starting.
func List(root string) ([]Instance, error) {
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the state folder: %w", noFolder(root, err))
	}
	var all []Instance
	for _, e := range entries {
		named, ok := parseFolder(e.Name())
		if !ok || !e.IsDir() {
			continue
		}
		d := Dir(filepath.Join(root, e.Name()))
		i, err := d.Read()
		switch {
		case errors.Is(err, fs.ErrNotExist) && !d.locked():
			continue
		case errors.Is(err, fs.ErrNotExist):
			i = Instance{Installation: named, dir: d}
		case err != nil:
			i = Instance{Installation: named, dir: d, Unreadable: err}
		case i.Installation != named:
			i = Instance{Installation: named, dir: d, Unreadable: &hintError{
				fmt.Errorf("read the record %s: it is damaged: it is of another installation, %s", d.instanceFile(), i.Installation),
				writtenAnew(d)}}
		}
		all = append(all, i)
	}
	return all, nil
}
