package main

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"hellox/cmd/hellox/args"
)

// TestBrokerFlags holds which user and password a connection gets from the URL,
// the flags and the variables, and which TLS.
func TestBrokerFlags(t *testing.T) {
	const url = "mqtt://dev@h"
	tests := []struct {
		name, url  string
		args       []string
		env        map[string]string
		user, pass string
		fails      string
	}{
		{"the URL's user, the variable's password", url, nil, map[string]string{"HELLOX_PASSWORD": "s"}, "dev", "s", ""},
		{"the URL's user, the flag's password", url, []string{"--password=s"}, nil, "dev", "s", ""},
		{"the URL before the variable", "mqtt://dev:u@h", nil, map[string]string{"HELLOX_PASSWORD": "s"}, "dev", "u", ""},
		{"the flag before the URL", "mqtt://dev:u@h", []string{"--password=s"}, nil, "dev", "s", ""},
		{"the flag's user", url, []string{"--user=ann"}, map[string]string{"HELLOX_PASSWORD": "s"}, "ann", "s", ""},
		{"the variables' user", "mqtt://h", nil, map[string]string{"HELLOX_USER": "ann", "HELLOX_PASSWORD": "s"}, "ann", "s", ""},
		{"another user's variables", url, nil, map[string]string{"HELLOX_USER": "ann", "HELLOX_PASSWORD": "s"}, "dev", "", ""},
		{"a variable without a user", "mqtt://h", nil, map[string]string{"HELLOX_PASSWORD": "s"}, "", "", ""},
		{"a flag without a user", "mqtt://h", []string{"--password=s"}, nil, "", "", "--password needs a user"},
		{"TLS flags without TLS", "ws://h", []string{"--insecure", "--server-name=x"}, nil, "", "", "--server-name, --insecure is for mqtts and wss"},
		{"a TLS variable without TLS", "mqtt://h", nil, map[string]string{"HELLOX_CA": "/nope", "HELLOX_INSECURE": "true"}, "", "", ""},
		{"a TLS variable", "mqtts://h", nil, map[string]string{"HELLOX_CA": "/nope"}, "", "", "--ca: open /nope"},
		{"a file", url, []string{"--password-file=brokerflags_test.go"}, map[string]string{"HELLOX_PASSWORD": "s"}, "dev", "", ""},
		{"a file's variable", "mqtt://h", nil, map[string]string{"HELLOX_USER": "ann", "HELLOX_PASSWORD_FILE": "brokerflags_test.go"}, "ann", "", ""},
		{"the password before the file's variable", url, []string{"--password=s"}, map[string]string{"HELLOX_PASSWORD_FILE": "nope"}, "dev", "s", ""},
		{"a file and a password", url, []string{"--password=s", "--password-file=x"}, nil, "", "", "--password and --password-file exclude each other"},
		{"a file without a user", "mqtt://h", []string{"--password-file=x"}, nil, "", "", "--password-file needs a user"},
		{"a file that is missing", url, []string{"--password-file=/nope"}, nil, "", "", "--password-file: open /nope"},
		{"no check by a certain authority", "wss://h", []string{"--insecure", "--ca=x"}, nil, "", "", "exclude each other"},
		{"no check", "wss://dev:u@h", []string{"--insecure", "--server-name=x"}, nil, "dev", "u", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var f brokerFlags
			set := pflag.NewFlagSet("test", pflag.ContinueOnError)
			f.add(set)
			if err := set.Parse(test.args); err != nil {
				t.Fatal(err)
			}
			env := func(name string) (string, bool) { v, ok := test.env[name]; return v, ok }
			if err := args.FromEnvironment(set, env, nil); err != nil {
				t.Fatal(err)
			}
			b, err := f.parse(t.Context(), shell{in: strings.NewReader("")}, test.url)
			if test.fails != "" {
				if err == nil || !strings.Contains(err.Error(), test.fails) {
					t.Errorf("%v, want %q in it", err, test.fails)
				}
				return
			}
			if err != nil || b.User != test.user || b.Password != test.pass {
				t.Errorf("user %q, password %q, %v; want %q and %q", b.User, b.Password, err, test.user, test.pass)
			}
			if want := map[bool]string{true: "brokerflags_test.go"}[strings.HasPrefix(test.name, "a file")]; b.Files.Password != want {
				t.Errorf("the password's file is %q, want %q", b.Files.Password, want)
			}
			if f.insecure && b.Scheme == "wss" && (b.TLS == nil || !b.TLS.InsecureSkipVerify || b.TLS.ServerName != "x") {
				t.Errorf("TLS is %+v", b.TLS)
			}
		})
	}
}
