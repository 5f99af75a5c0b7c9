package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"strings"

	"hellox/cmd/hellox/args"
	"hellox/cmd/hellox/connections"
	"hellox/cmd/hellox/output"
	"hellox/cmd/hellox/prompt"
	"hellox/stream/mqtt"
)

// brokerFlags are the flags of a connection to a broker, of every command that
// makes one.
type brokerFlags struct {
	flags          flagSet // in which they are defined
	user, password string
	passwordFile   string
	ca, cert, key  string
	serverName     string
	insecure       bool
	clientID       string

	connection connections.Connection // of the @NAME that was parsed last
}

// The flags that are for mqtts and wss alone, and those of any broker's URL.
var (
	tlsFlags   = []string{"ca", "cert", "key", "server-name", "insecure"}
	loginFlags = append([]string{"user", "password", "password-file", "client-id"}, tlsFlags...)
)

// add defines all of them, for a command that connects once.
func (f *brokerFlags) add(flags flagSet) {
	f.addLogin(flags)
	flags.StringVar(&f.clientID, "client-id", f.clientID, "MQTT client `ID` (default: a random one)")
}

// addLogin defines those of the login.
func (f *brokerFlags) addLogin(flags flagSet) {
	f.flags = flags
	flags.StringVar(&f.user, "user", "", "user `NAME`; the password is asked for if it is not given")
	flags.StringVar(&f.password, "password", "", "the `PASSWORD` of that user or of the URL's; safer as HELLOX_PASSWORD")
	flags.StringVar(&f.passwordFile, "password-file", "", "`FILE` of that password or token; this and the files of certificates are read anew for each connection, a pipe once")
	flags.StringVar(&f.ca, "ca", "", "`FILE` of the CA certificates to trust instead of the system's (PEM)")
	flags.StringVar(&f.cert, "cert", "", "`FILE` of the client certificate (PEM)")
	flags.StringVar(&f.key, "key", "", "`FILE` of the client's key (PEM)")
	flags.StringVar(&f.serverName, "server-name", "", "the host `NAME` that the broker's certificate must be for (default: the URL's)")
	flags.BoolVar(&f.insecure, "insecure", false, "do not check the broker's certificate: any server can pass for the broker")
}

// parse parses a broker's URL, or the @NAME of a connection, and applies the flags to
// it.
func (f *brokerFlags) parse(ctx context.Context, sh shell, url string) (mqtt.Broker, error) {
	if name, ok := strings.CutPrefix(url, "@"); ok {
		if err := f.apply(sh, name); err != nil {
			return mqtt.Broker{}, err
		}
		url = f.connection.URL
	}
	b, err := mqtt.ParseBroker(url)
	if err != nil {
		return b, usage(err.Error(), hintOf(err))
	}
	if err := f.login(ctx, sh, &b); err != nil {
		return b, err
	}
	if b.Scheme != "mqtts" && b.Scheme != "wss" {
		// A variable may be meant for another broker.
		if given := args.Given(f.flags, tlsFlags...); len(given) > 0 {
			return b, usage(fmt.Sprintf("%s is for mqtts and wss, not for %s", strings.Join(given, ", "), b), "")
		}
	} else if err := f.tls(&b); err != nil {
		return b, err
	}
	b, err = b.ReadPipes(ctx)
	switch {
	case errors.Is(err, context.Canceled):
		return b, errReported(exitInterrupted)
	case err != nil:
		return b, usage(err.Error(), "")
	}
	if _, err := b.Load(); err != nil {
		return b, usage(err.Error(), "")
	}
	return b, nil
}

// apply sets what the connection of that name says and no flag does. It goes before a
// variable, as what stands in a URL does.
func (f *brokerFlags) apply(sh shell, name string) error {
	c, err := connections.Find(sh.env, name)
	if err != nil {
		return usage(err.Error(), hintOf(err))
	}
	byFlag := func(name string) bool { return len(args.Given(f.flags, name)) > 0 }
	set := func(flag string, p *string, value string) {
		if value != "" && !byFlag(flag) {
			*p = value
		}
	}
	if c.User != "" && !byFlag("user") && !byFlag("password") && !byFlag("password-file") {
		password, err := c.Password(sh.env)
		if err != nil {
			return missing(err, "")
		}
		if c.PasswordFile != "" {
			password = ""
		}
		set("password", &f.password, password)
		set("password-file", &f.passwordFile, c.PasswordFile)
	}
	set("user", &f.user, c.User)
	set("ca", &f.ca, c.CA)
	set("cert", &f.cert, c.Cert)
	set("key", &f.key, c.Key)
	set("server-name", &f.serverName, c.ServerName)
	set("client-id", &f.clientID, c.ClientID)
	f.insecure = f.insecure || c.Insecure
	f.connection = c
	return nil
}

// login sets the user and password of b. What is on the command line, the URL or a
// flag, goes before a variable.
func (f *brokerFlags) login(ctx context.Context, sh shell, b *mqtt.Broker) error {
	byFlag := func(name string) bool { return len(args.Given(f.flags, name)) > 0 }
	given := args.Given(f.flags, "password", "password-file")
	switch {
	case len(given) > 1:
		return usage("--password and --password-file exclude each other", "")
	case f.user != "" && (b.User == "" || byFlag("user")):
		b.User = f.user
		f.setPassword(b)
		if b.Password == "" && b.Files.Password == "" && output.IsTerminal(sh.in) && output.IsTerminal(sh.err) {
			var err error
			b.Password, err = askPassword(ctx, sh, f.user)
			return err
		}
	case b.User != "" && (len(given) > 0 || b.Password == "" && (f.user == "" || f.user == b.User)):
		f.setPassword(b)
	case len(given) > 0 && b.User == "":
		return usage(given[0]+" needs a user, by --user or in the broker's URL", "")
	}
	return nil
}

// setPassword sets the password of b, or the file that has it. A flag goes before a
// variable.
func (f *brokerFlags) setPassword(b *mqtt.Broker) {
	b.Password = ""
	if f.passwordFile != "" && len(args.Given(f.flags, "password")) == 0 {
		b.Files.Password = f.passwordFile
		return
	}
	b.Password = f.password
}

// tls sets what the flags say of certificates. b.TLS stays nil if none asks for
// anything but the system's authorities.
func (f *brokerFlags) tls(b *mqtt.Broker) error {
	switch {
	case f.ca != "" && f.insecure:
		return usage("--ca and --insecure exclude each other: with --insecure no certificate is checked", "")
	case (f.cert == "") != (f.key == ""):
		return usage("--cert and --key go together", "")
	}
	b.Files.CA, b.Files.Cert, b.Files.Key = f.ca, f.cert, f.key
	if f.serverName != "" || f.insecure {
		// Not to check is what --insecure is for.
		b.TLS = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: f.serverName, InsecureSkipVerify: f.insecure} //nolint:gosec
	}
	return nil
}

// askPassword asks for the password of a user on the terminal.
func askPassword(ctx context.Context, sh shell, user string) (string, error) {
	password, err := prompt.Password(ctx, sh.in.(*os.File), sh.err, fmt.Sprintf("password of %s: ", user))
	switch {
	case errors.Is(err, context.Canceled):
		return "", errReported(exitInterrupted)
	case err != nil:
		return "", fmt.Errorf("read the password: %w", err)
	}
	return password, nil
}
