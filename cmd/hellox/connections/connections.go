package connections

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"hellox/cmd/hellox/config"
	"hellox/smallfile"
	"hellox/stream"
	"hellox/stream/mqtt"
)

// A Connection is a broker with a name, and how it is connected to.
type Connection struct {
	Name string `toml:"-"`

	URL          string   `toml:"url"`
	User         string   `toml:"user"`
	PasswordFile string   `toml:"password_file"` // from the folder of connections.toml
	PasswordEnv  string   `toml:"password_env"`  // name of a variable
	CA           string   `toml:"ca"`
	Cert         string   `toml:"cert"`
	Key          string   `toml:"key"`
	ServerName   string   `toml:"server_name"`
	Insecure     bool     `toml:"insecure"`
	ClientID     string   `toml:"client_id"`
	Topics       []string `toml:"topics"` // MQTT topic filters that watch subscribes to
	QoS          uint8    `toml:"qos"`    // of watch
}

// An Error is what is wrong with connections.toml, or that it has no such connection.
type Error struct {
	path string
	line int // 0: no line in particular
	text string
	hint string
}

func (e *Error) Error() string {
	if e.line > 0 {
		return fmt.Sprintf("read %s: line %d: %s", e.path, e.line, e.text)
	}
	return fmt.Sprintf("read %s: %s", e.path, e.text)
}

// Hint returns what to do about it.
func (e *Error) Hint() string { return e.hint }

// Find returns the connection of that name. Only its own table need be right.
func Find(env func(string) (string, bool), name string) (Connection, error) {
	f, err := load(env)
	if err != nil {
		return Connection{}, err
	}
	c, ok := f.all[name]
	if !ok {
		return c, f.missing(name)
	}
	c.Name = name
	if err := f.check(&c); err != nil {
		return c, err
	}
	for _, p := range []*string{&c.PasswordFile, &c.CA, &c.Cert, &c.Key} {
		*p = f.resolve(*p)
	}
	return c, nil
}

// Names returns the names of all connections, sorted; none if the file cannot be read.
func Names(env func(string) (string, bool)) []string {
	f, err := load(env)
	if err != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(f.all))
}

// A document is connections.toml.
type document struct {
	path   string
	exists bool
	text   []byte
	all    map[string]Connection
}

func load(env func(string) (string, bool)) (*document, error) {
	path, err := config.Path(env, "connections.toml")
	if err != nil {
		return nil, err
	}
	f := &document{path: path}
	f.text, err = smallfile.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil // it has no connections
	}
	if p := new(fs.PathError); errors.As(err, &p) {
		return nil, &Error{path: path, text: p.Err.Error(), hint: "ls -l " + path}
	}
	f.exists = true
	decoder := toml.NewDecoder(bytes.NewReader(f.text)).DisallowUnknownFields()
	if err := decoder.Decode(&f.all); err != nil {
		return nil, f.wrong(err)
	}
	return f, nil
}

// wrong returns the error of the TOML library as a sentence with its line. A password
// that stands in the line is not repeated.
func (f *document) wrong(err error) error {
	var unknown *toml.StrictMissingError
	var syntax *toml.DecodeError
	switch {
	case errors.As(err, &unknown) && len(unknown.Errors) > 0:
		e := &unknown.Errors[0]
		line, _ := e.Position()
		key := e.Key()
		if last := key[len(key)-1]; last == "password" {
			return &Error{f.path, line, "a password does not stand in this file", "password_file = \"FILE\", or password_env = \"VARIABLE\""}
		}
		return &Error{f.path, line, fmt.Sprintf("unknown key %q", strings.Join(key, ".")),
			"url, user, password_file, password_env, ca, cert, key, server_name, insecure, client_id, topics and qos are known, in a table [NAME]"}
	case errors.As(err, &syntax):
		line, _ := syntax.Position()
		return &Error{f.path, line, strings.TrimPrefix(syntax.Error(), "toml: "), example}
	}
	return &Error{f.path, 0, strings.TrimPrefix(err.Error(), "toml: "), example}
}

const example = "a connection is [NAME] and url = \"mqtts://host\" below it"

// missing returns the error of a name that there is none of.
func (f *document) missing(name string) error {
	if len(f.all) == 0 {
		why := "the file has none"
		if !f.exists {
			why = "there is no such file"
		}
		return &Error{f.path, 0, fmt.Sprintf("there is no connection @%s: %s", name, why), "write [" + name + "] and url = \"mqtt://host\" below it, into " + f.path}
	}
	names := slices.Sorted(maps.Keys(f.all))
	return &Error{f.path, 0, fmt.Sprintf("there is no connection @%s; there are @%s", name, strings.Join(names, ", @")), "hellox watch @" + names[0]}
}

// check returns what is wrong with c.
func (f *document) check(c *Connection) error {
	fail := func(key, text, hint string) error {
		return &Error{f.path, f.line(c.Name, key), "@" + c.Name + ": " + text, hint}
	}
	if c.URL == "" {
		return fail("", "it has no url", "url = \"mqtts://host\"")
	}
	b, err := mqtt.ParseBroker(c.URL)
	if err != nil {
		return fail("url", err.Error(), stream.Hint(err))
	}
	if b.User != "" || b.Password != "" {
		return fail("url", "its url holds a user or a password", "user = \"NAME\" and password_file = \"FILE\"")
	}
	if key := c.tlsKey(); key != "" && b.Scheme != "mqtts" && b.Scheme != "wss" {
		return fail(key, fmt.Sprintf("%s is for mqtts and wss, not for %s", key, b.Scheme), "")
	}
	switch {
	case c.PasswordFile != "" && c.PasswordEnv != "":
		return fail("password_env", "password_file and password_env exclude each other", "")
	case (c.PasswordFile != "" || c.PasswordEnv != "") && c.User == "":
		return fail("", "a password needs a user", "user = \"NAME\"")
	case c.QoS > 2:
		return fail("qos", fmt.Sprintf("qos is 0, 1 or 2, not %d", c.QoS), "")
	}
	for _, topic := range c.Topics {
		if err := stream.CheckTopicFilter(topic); err != nil {
			return fail("topics", err.Error(), "")
		}
	}
	return nil
}

// tlsKey returns the first key of c that is for TLS alone, or "".
func (c *Connection) tlsKey() string {
	switch {
	case c.CA != "":
		return "ca"
	case c.Cert != "":
		return "cert"
	case c.Key != "":
		return "key"
	case c.ServerName != "":
		return "server_name"
	case c.Insecure:
		return "insecure"
	}
	return ""
}

// line returns the line of a key of a connection, or of its table; 0: not found.
func (f *document) line(name, key string) int {
	table := regexp.MustCompile(`^\s*\[\s*["']?` + regexp.QuoteMeta(name) + `["']?\s*\]`)
	found := 0
	for i, line := range strings.Split(string(f.text), "\n") {
		switch {
		case table.MatchString(line):
			found = i + 1
		case found > 0 && strings.HasPrefix(strings.TrimSpace(line), "["):
			return found
		case found > 0 && key != "" && regexp.MustCompile(`^\s*["']?`+key+`["']?\s*=`).MatchString(line):
			return i + 1
		}
	}
	return found
}

// resolve returns a path of the file: ~/ is the home folder, and a relative one is
// beside the file.
func (f *document) resolve(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(f.path), path)
}

// Password returns the password of c from its file or variable, without the end of
// the line; "" if it names none.
func (c *Connection) Password(env func(string) (string, bool)) (string, error) {
	switch {
	case c.PasswordEnv != "":
		password, ok := env(c.PasswordEnv)
		if !ok {
			return "", fmt.Errorf("connect to @%s: the variable %s, which holds its password, is not set", c.Name, c.PasswordEnv)
		}
		return password, nil
	case c.PasswordFile != "":
		b, err := smallfile.Read(c.PasswordFile)
		if p := new(fs.PathError); errors.As(err, &p) {
			return "", fmt.Errorf("connect to @%s: read its password from %s: %w", c.Name, c.PasswordFile, p.Err)
		}
		return strings.TrimRight(string(b), "\r\n"), err
	}
	return "", nil
}
