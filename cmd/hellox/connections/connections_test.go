package connections

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// written writes connections.toml and returns the environment that finds it.
func written(t *testing.T, text string) (env func(string) (string, bool), dir string) {
	t.Helper()
	root := t.TempDir()
	dir = filepath.Join(root, "hellox")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "connections.toml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	vars := map[string]string{"XDG_CONFIG_HOME": root, "OVEN_PASSWORD": "from the variable"}
	return func(name string) (string, bool) { v, ok := vars[name]; return v, ok }, dir
}

func TestFind(t *testing.T) {
	env, dir := written(t, `# my brokers
[home]
url = "mqtts://broker.lan"
user = "ann"
password_file = "home.password"
ca = "/etc/ca.pem"
topics = ["sensors/#", "zigbee2mqtt/+"]
qos = 1

[oven]
url = "ws://oven/mqtt"
user = "bob"
password_env = "OVEN_PASSWORD"
`)
	if err := os.WriteFile(filepath.Join(dir, "home.password"), []byte("s3cret \r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	home, err := Find(env, "home")
	if err != nil || home.URL != "mqtts://broker.lan" || home.CA != "/etc/ca.pem" || home.QoS != 1 || !slices.Equal(home.Topics, []string{"sensors/#", "zigbee2mqtt/+"}) {
		t.Errorf("%+v, %v", home, err)
	}
	if password, err := home.Password(env); password != "s3cret " || err != nil {
		t.Errorf("%q, %v", password, err)
	}
	oven, err := Find(env, "oven")
	if password, _ := oven.Password(env); password != "from the variable" || err != nil {
		t.Errorf("%q, %v", password, err)
	}
	if names := Names(env); !slices.Equal(names, []string{"home", "oven"}) {
		t.Error(names)
	}
	if err := os.Remove(filepath.Join(dir, "home.password")); err != nil {
		t.Fatal(err)
	}
	if _, err := home.Password(env); err == nil || !strings.Contains(err.Error(), "home.password: no such file") {
		t.Error(err)
	}
	oven.PasswordEnv = "UNSET"
	if _, err := oven.Password(env); err == nil || !strings.Contains(err.Error(), "the variable UNSET") {
		t.Error(err)
	}
}

// That there is no file is told, too.
func TestNoFile(t *testing.T) {
	env, dir := written(t, "")
	path := filepath.Join(dir, "connections.toml")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(env, "home"); err == nil || err.Error() != "read "+path+": there is no connection @home: there is no such file" {
		t.Error(err)
	}
}

// What is wrong is told with its line and what to write instead, and never with a
// password.
func TestWrong(t *testing.T) {
	for text, says := range map[string]string{
		"": "there is no connection @home: the file has none",
		"[work]\nurl=\"mqtt://h\"\n[lab]\nurl=\"mqtt://h\"":                                     "there is no connection @home; there are @lab, @work",
		"[home]\n\nurl = \"mqtt://h\nuser = \"x\"":                                              "line 3: ",
		"[home]\nurl = \"mqtt://h\"\nhost = \"x\"":                                              `line 3: unknown key "home.host"`,
		"url = \"mqtt://h\"":                                                                    "line 1: ",
		"[home]\nurl = 7":                                                                       "line 2: ",
		"[home]\nurl = \"mqtt://h\"\nuser = \"a\"\npassword = \"hunter2\"":                      "line 4: a password does not stand in this file",
		"# x\n[home]\nuser = \"a\"":                                                             "line 2: @home: it has no url",
		"[home]\nurl = \"http://h\"":                                                            `line 2: @home: `,
		"[home]\nurl = \"mqtt://ann:hunter2@h\"":                                                "line 2: @home: its url holds a user or a password",
		"[home]\nurl = \"mqtt://h\"\nca = \"x\"":                                                "line 3: @home: ca is for mqtts and wss, not for mqtt",
		"[home]\nurl = \"mqtt://h\"\ninsecure = true\nkey = \"x\"\nca = \"x\"":                  "line 5: @home: ca is for mqtts and wss, not for mqtt",
		"[home]\nurl = \"mqtt://h\"\nqos = 3":                                                   "line 3: @home: qos is 0, 1 or 2, not 3",
		"[home]\nurl = \"mqtt://h\"\nqos = 300":                                                 "line 3: ",
		"[home]\nurl = \"mqtt://h\"\ntopics = [\"a/#/b\"]":                                      "line 3: @home: ",
		"[home]\nurl = \"mqtt://h\"\npassword_env = \"X\"":                                      "line 1: @home: a password needs a user",
		"[home]\nurl = \"mqtt://h\"\nuser = \"a\"\npassword_env = \"X\"\npassword_file = \"y\"": "line 4: @home: password_file and password_env exclude each other",
	} {
		env, dir := written(t, text)
		_, err := Find(env, "home")
		if err == nil || !strings.Contains(err.Error(), says) || !strings.HasPrefix(err.Error(), "read "+filepath.Join(dir, "connections.toml")+": ") {
			t.Errorf("%q: %v does not say %q", text, err, says)
			continue
		}
		e, ok := err.(interface{ Hint() string })
		if !ok {
			t.Errorf("%q: no hint", text)
		} else if strings.Contains(err.Error()+e.Hint(), "hunter2") {
			t.Errorf("%q: the password is told: %v (%s)", text, err, e.Hint())
		}
		if strings.Contains(err.Error(), "toml") && strings.Contains(err.Error(), "toml:  ") || strings.Contains(err.Error(), "Go ") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
