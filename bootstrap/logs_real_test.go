package bootstrap_test

import (
	"errors"
	"strings"
	"testing"

	"hellox/bootstrap/install"
)

func testStatusAndLogs(t *testing.T, r *rig, namespace string) {
	status, err := install.ReadStatus(t.Context(), r.cluster.REST, namespace)
	if err != nil {
		t.Fatal(err)
	}
	if !status.Ready || len(status.Roles) != 3 {
		t.Errorf("status %+v", status)
	}
	for _, role := range status.Roles {
		if role.Ready != 1 || len(role.Pods) == 0 || role.Pods[len(role.Pods)-1].State != "ready" {
			t.Errorf("role %+v", role)
		}
	}
	var lines []install.LogLine
	err = install.Logs(t.Context(), r.cluster.REST, install.LogOptions{Namespace: namespace, Role: install.RoleBroker, Tail: -1}, func(l install.LogLine) error {
		lines = append(lines, l)
		return nil
	})
	if err != nil || len(lines) == 0 || lines[0].Text != "broker begins, version 1" {
		t.Errorf("logs %v, %v", lines, err)
	}
	// Followed, they go on, also with the next pod.
	enough := errors.New("enough")
	deleted := false
	err = install.Logs(t.Context(), r.cluster.REST, install.LogOptions{Namespace: namespace, Role: install.RoleBroadcast, Follow: true, Tail: -1}, func(l install.LogLine) error {
		switch {
		case !deleted && strings.Contains(l.Text, "says"):
			deleted = true
			deletePod(t, r.installation(t, namespace), install.RoleBroadcast)
		case deleted && strings.Contains(l.Text, "begins"):
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Errorf("followed: %v", err)
	}
}
