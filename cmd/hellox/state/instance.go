package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/google/renameio/v2/maybe"
)

// Instance is what this machine records of one installation: written by up,
// removed by down. What runs in a cluster is recorded in that cluster; this
// tells how to find it again, and which process owns its forwards.
type Instance struct {
	Version int `json:"version"`
	Installation
	// Broadcasters is how many up or scale were asked for, of a local one.
	Broadcasters *int   `json:"broadcasters,omitempty"`
	Owner        *Owner `json:"owner,omitempty"`
}

// Owner is the process that holds an installation's forwards, or that is the
// installation (target local). It may have ended: see Instance.Alive.
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

// Write replaces the record in d: durable, whole or not at all (Windows cannot
// promise that), for this user only.
func (d Dir) Write(i Instance) error {
	i.Version = instanceVersion
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return fmt.Errorf("write the record of %s: %w", i.Installation, err)
	}
	b, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return fmt.Errorf("write the record of %s: %w", i.Installation, err)
	}
	if err := maybe.WriteFile(d.instanceFile(), append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the record of %s: %w", i.Installation, err)
	}
	return syncDir(string(d))
}

// syncDir makes a rename in dir durable, where the system can.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// Read returns the record in d; the error is fs.ErrNotExist if there is none.
func (d Dir) Read() (Instance, error) {
	b, err := os.ReadFile(d.instanceFile())
	if err != nil {
		return Instance{}, err
	}
	var stored struct {
		Instance
		Holder *Owner `json:"holder"` // of version 1
	}
	if err := json.Unmarshal(b, &stored); err != nil {
		return Instance{}, &hintError{fmt.Errorf("read the record %s: it is damaged: %w", d.instanceFile(), err),
			"remove that file; hellox up writes it anew"}
	}
	i := stored.Instance
	if i.Version == 1 {
		i.Version, i.Owner = instanceVersion, stored.Holder
	}
	if i.Version != instanceVersion {
		return Instance{}, &hintError{fmt.Errorf("read the record %s: it is of version %d, this hellox knows %d", d.instanceFile(), i.Version, instanceVersion),
			"use the hellox that wrote it"}
	}
	return i, nil
}

// List returns every instance below root, in the order of their names.
func List(root string) ([]Instance, error) {
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the state folder: %w", err)
	}
	var all []Instance
	for _, e := range entries {
		i, err := Dir(filepath.Join(root, e.Name())).Read()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, i)
	}
	return all, nil
}
