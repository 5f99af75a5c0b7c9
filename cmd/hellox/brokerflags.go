package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"hellox/cmd/hellox/output"
	"hellox/cmd/hellox/prompt"
	"hellox/stream/mqtt"
)

// brokerFlags are the flags of a connection to a broker.
type brokerFlags struct {
	user, password string
	ca, cert, key  string
	clientID       string
}

// add defines all of them, for a command that connects once.
func (f *brokerFlags) add(flags flagSet) {
	f.addLogin(flags)
	flags.StringVar(&f.clientID, "client-id", f.clientID, "MQTT client `ID` (default: a random one)")
}

// addLogin defines those of the login.
func (f *brokerFlags) addLogin(flags flagSet) {
	flags.StringVar(&f.user, "user", "", "user `NAME`; the password is asked for if it is not given")
	flags.StringVar(&f.password, "password", "", "the `PASSWORD`; safer as HELLOX_PASSWORD")
	flags.StringVar(&f.ca, "ca", "", "`FILE` of the CA certificates to trust instead of the system's (PEM)")
	flags.StringVar(&f.cert, "cert", "", "`FILE` of the client certificate (PEM)")
	flags.StringVar(&f.key, "key", "", "`FILE` of the client's key (PEM)")
}

// parse parses a broker's URL and applies the flags to it.
func (f *brokerFlags) parse(ctx context.Context, sh shell, url string) (mqtt.Broker, error) {
	b, err := mqtt.ParseBroker(url)
	if err != nil {
		return b, usage(err.Error(), hintOf(err))
	}
	if f.user != "" {
		b.User = f.user
		b.Password = f.password
		if b.Password == "" && output.IsTerminal(sh.in) && output.IsTerminal(sh.err) {
			if b.Password, err = askPassword(ctx, sh, f.user); err != nil {
				return b, err
			}
		}
	} else if f.password != "" {
		return b, usage("--password needs --user", "")
	}
	if b.TLS, err = f.tls(); err != nil {
		return b, err
	}
	if b.TLS != nil && b.Scheme != "mqtts" && b.Scheme != "wss" {
		return b, usage(fmt.Sprintf("--ca, --cert and --key are for mqtts and wss, not for %s", b), "")
	}
	return b, nil
}

// tls is nil if no flag asks for anything but the system's authorities.
func (f *brokerFlags) tls() (*tls.Config, error) {
	if f.ca == "" && f.cert == "" && f.key == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.ca != "" {
		pem, err := os.ReadFile(f.ca)
		if err != nil {
			return nil, usage(fmt.Sprintf("--ca: %v", err), "")
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, usage(fmt.Sprintf("--ca: %s holds no certificate in PEM", f.ca), "")
		}
	}
	if (f.cert == "") != (f.key == "") {
		return nil, usage("--cert and --key go together", "")
	}
	if f.cert != "" {
		pair, err := tls.LoadX509KeyPair(f.cert, f.key)
		if err != nil {
			return nil, usage(fmt.Sprintf("--cert and --key: %v", err), "")
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
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
