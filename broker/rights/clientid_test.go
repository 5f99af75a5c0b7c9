package rights

import (
	"strings"
	"testing"
)

func TestReserved(t *testing.T) {
	for _, k := range []struct {
		role         Role
		identity, id string
		ok           bool
	}{
		{"", "alice", "alice-phone", true},
		{"", "alice", "hellox-receive", false},
		{"", "alice", "hellox-receive-retained", false},
		{"", "alice", "broadcast-0", false},
		{RoleBroadcast, "broadcast-0", "broadcast-0", true},
		{RoleBroadcast, "broadcast-0", "broadcast-0-12", true},
		{RoleBroadcast, "broadcast-0", "broadcast-0-x", false},
		{RoleBroadcast, "broadcast-0", "broadcast-01", false},
		{RoleBroadcast, "broadcast-0", "broadcast-1", false},
		{RoleBroadcast, "broadcast-0", "hellox-receive", false},
		{RoleBroadcasters, "broadcast-1", "broadcast-500", true},
		{RoleBroadcasters, "broadcast-1", "broadcast-999", true},
		{RoleBroadcasters, "broadcast-1", "broadcast-499", false},
		{RoleBroadcasters, "broadcast-1", "broadcast-1000", false},
		{RoleBroadcasters, "broadcast-1", "broadcast-1", false},
		{RoleBroadcasters, "broadcast-1", "broadcast-0500", false},
		{RoleBroadcasters, "broadcast-1", "broadcast-1-500", false},
		{RoleBroadcasters, "broadcast-0", "broadcast-1", true},
		{RoleBroadcasters, "broadcast", "broadcast-1", false},
		{RoleReceive, "recv", "hellox-receive", true},
		{RoleReceive, "recv", "broadcast-0", false},
	} {
		if err := CheckReserved(k.role, k.identity, k.id); (err == nil) != k.ok {
			t.Errorf("%s %q with the client ID %q: %v", k.role, k.identity, k.id, err)
		}
	}
}

func TestCheckClientID(t *testing.T) {
	for id, ok := range map[string]bool{
		"": true, "a": true, "küche 1": true, strings.Repeat("x", 64): true, strings.Repeat("x", 65): false,
		"a/b": false, "+": false, "#": false, "$SYS": false, "a\x00": false, "a\x01": false, "a\u202eb": false, "\xff": false,
	} {
		if err := CheckClientID(id); (err == nil) != ok {
			t.Errorf("%q: %v", id, err)
		}
	}
}
