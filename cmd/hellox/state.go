package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/google/renameio/v2/maybe"
)

// An installation is one up, named by target, profile and namespace.
type installation struct {
	Target    string `json:"target"` // minikube, kind or local
	Profile   string `json:"profile,omitempty"`
	Namespace string `json:"namespace"`
}

// String is its name as people see it: "kind-hellox · hellox".
func (i installation) String() string {
	if i.Profile == "" {
		return i.Target + " · " + i.Namespace
	}
	return i.Target + "-" + i.Profile + " · " + i.Namespace
}

// flags are the words that select it on a command line.
func (i installation) flags() string {
	if i.Profile == "" {
		return fmt.Sprintf("--target %s --namespace %s", i.Target, i.Namespace)
	}
	return fmt.Sprintf("--target %s --profile %s --namespace %s", i.Target, i.Profile, i.Namespace)
}

// folder is the name of its folder below the state root. Profile and namespace
// are DNS labels, so a dot cannot stand in them.
func (i installation) folder() string {
	return strings.Join([]string{i.Target, i.Profile, i.Namespace}, ".")
}

// A record is what this machine keeps of one installation: written by up,
// removed by down. What runs in a cluster is recorded in that cluster; this
// says how to find it again, and who holds its forwards.
type record struct {
	Version int `json:"version"`
	installation
	// Broadcasters is how many up or scale were asked for, of a local one.
	Broadcasters *int    `json:"broadcasters,omitempty"`
	Holder       *holder `json:"holder,omitempty"`
}

// A holder is the process that holds an installation's forwards, or that is
// the installation (target local). Whether it still lives is told by its lock,
// not by this.
type holder struct {
	PID      int       `json:"pid"`
	Started  time.Time `json:"started"`
	Detached bool      `json:"detached"`
	Web      string    `json:"web"`     // URL of the page
	MQTT     string    `json:"mqtt"`    // URL of the broker
	Control  string    `json:"control"` // host:port of its control listener
	Token    string    `json:"token"`   // proves to the control listener that the asker may read this file
}

const recordVersion = 1

// stateRoot is the folder of this machine's records.
func stateRoot(env func(string) (string, bool)) (string, error) {
	if dir, ok := env("XDG_STATE_HOME"); ok && filepath.IsAbs(dir) {
		return filepath.Join(dir, "hellox"), nil
	}
	if runtime.GOOS == "windows" {
		if dir, ok := env("LOCALAPPDATA"); ok && dir != "" {
			return filepath.Join(dir, "hellox"), nil
		}
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", failed(fmt.Errorf("find the state folder: %w", err), "set XDG_STATE_HOME to a folder of yours")
	}
	return filepath.Join(home, ".local", "state", "hellox"), nil
}

// A place is the folder of one installation on this machine.
type place string

func placeOf(root string, i installation) place { return place(filepath.Join(root, i.folder())) }

func (p place) recordFile() string { return filepath.Join(string(p), "record.json") }
func (p place) lockFile() string   { return filepath.Join(string(p), "lock") }
func (p place) logFile() string    { return filepath.Join(string(p), "hellox.log") }

// write replaces the record: durable, whole or not at all (Windows cannot
// promise that), for this user only.
func (p place) write(r record) error {
	r.Version = recordVersion
	if err := os.MkdirAll(string(p), 0o700); err != nil {
		return fmt.Errorf("write the record of %s: %w", r.installation, err)
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write the record of %s: %w", r.installation, err)
	}
	if err := maybe.WriteFile(p.recordFile(), append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the record of %s: %w", r.installation, err)
	}
	return syncFolder(string(p))
}

// syncFolder makes a rename in dir durable, where the system can.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// read returns the record, or an error that is fs.ErrNotExist where there is none.
func (p place) read() (record, error) {
	b, err := os.ReadFile(p.recordFile())
	if err != nil {
		return record{}, err
	}
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return record{}, failed(fmt.Errorf("read the record %s: it is damaged: %w", p.recordFile(), err),
			"remove that file; hellox up writes it anew")
	}
	if r.Version != recordVersion {
		return record{}, failed(fmt.Errorf("read the record %s: it is of version %d, this hellox knows %d", p.recordFile(), r.Version, recordVersion),
			"use the hellox that wrote it")
	}
	return r, nil
}

// records returns every record below root, in the order of their names.
func records(root string) ([]record, error) {
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the state folder: %w", err)
	}
	var all []record
	for _, e := range entries {
		r, err := place(filepath.Join(root, e.Name())).read()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}
