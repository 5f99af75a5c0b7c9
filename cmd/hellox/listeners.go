package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"hellox/cmd/hellox/access"
	"hellox/web"
	"hellox/web/login"
)

// isLoopback reports whether only this machine reaches a TCP listener. What it is
// bound to decides, not what the address is called.
func isLoopback(ln net.Listener) bool { return ln.Addr().(*net.TCPAddr).IP.IsLoopback() }

// joined combines several listeners into one: both loopback addresses of a port.
// Addr returns the first, which the printed URLs name.
type joined struct {
	listeners []net.Listener
	accepted  chan accepted
	closed    chan struct{}
	close     func() error
}

type accepted struct {
	conn net.Conn
	err  error
}

// join returns a listener that accepts from all. An error of one is an error of
// the whole.
func join(listeners []net.Listener) net.Listener {
	if len(listeners) == 1 {
		return listeners[0]
	}
	j := &joined{listeners: listeners, accepted: make(chan accepted), closed: make(chan struct{})}
	j.close = sync.OnceValue(func() error {
		close(j.closed)
		var errs []error
		for _, ln := range listeners {
			errs = append(errs, ln.Close())
		}
		return errors.Join(errs...)
	})
	for _, ln := range listeners {
		go j.accept(ln)
	}
	return j
}

func (j *joined) accept(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		select {
		case j.accepted <- accepted{conn, err}:
		case <-j.closed:
			if err == nil {
				conn.Close()
			}
			return
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
	}
}

func (j *joined) Accept() (net.Conn, error) {
	select {
	case a := <-j.accepted:
		return a.conn, a.err
	case <-j.closed:
		return nil, net.ErrClosed
	}
}

func (j *joined) Close() error   { return j.close() }
func (j *joined) Addr() net.Addr { return j.listeners[0].Addr() }

// pageFlags say where the page and its API are served.
type pageFlags struct {
	addresses []string // --listen
	cert, key string   // files, for those beyond loopback
	loginPort int      // by which browsers reach those; 0: that of the address
}

// pageListeners are open listeners of the page.
type pageListeners struct {
	open   net.Listener // on loopback; nil: there is none
	login  *web.Login   // beyond it; nil: there is none
	access *access.Access
}

// listen opens the addresses. Everyone who reaches one on loopback may read and
// publish everything: cluster and laptop reach it through a port-forward. Beyond
// loopback TLS and a login are demanded.
func (p *pageFlags) listen(ctx context.Context, log *slog.Logger) (*pageListeners, error) {
	if (p.cert == "") != (p.key == "") {
		return nil, usage("--tls-cert and --tls-key go together", "")
	}
	var open, beyond []net.Listener
	closeAll := func() {
		for _, ln := range append(open, beyond...) {
			ln.Close()
		}
	}
	for _, address := range p.addresses {
		ln, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
		if err != nil {
			closeAll()
			return nil, missing(fmt.Errorf("listen for the page: %w", err), "hellox receive --listen 127.0.0.1:0")
		}
		if isLoopback(ln) {
			open = append(open, ln)
			continue
		}
		beyond = append(beyond, ln)
		if p.cert == "" {
			closeAll()
			return nil, &failure{
				fmt.Errorf("listen for the page on %s: it is beyond loopback, where it needs TLS and asks for a login", address),
				exitUnsafe, "give --tls-cert FILE and --tls-key FILE, or listen on loopback, --listen 127.0.0.1:8420, and reach it through a port-forward or an SSH tunnel",
			}
		}
	}
	pages, err := p.guard(beyond, log)
	if err != nil {
		closeAll()
		return nil, err
	}
	if len(open) > 0 {
		pages.open = join(open)
	}
	return pages, nil
}

// guard puts TLS and a login before the listeners beyond loopback.
func (p *pageFlags) guard(beyond []net.Listener, log *slog.Logger) (*pageListeners, error) {
	if p.cert != "" && len(beyond) == 0 {
		return nil, usage("--tls-cert is for a --listen beyond loopback; there is none", "hellox receive --listen 0.0.0.0:8443 --tls-cert cert.pem --tls-key key.pem")
	}
	files := access.Flags{Cert: p.cert, Key: p.key}
	opened, err := files.Open(log)
	if err != nil {
		return nil, missing(err, hintOf(err))
	}
	pages := &pageListeners{access: opened}
	if len(beyond) == 0 {
		return pages, nil
	}
	config := opened.TLS()
	certificate, err := config.GetCertificate(nil)
	if err != nil {
		return nil, fmt.Errorf("read the certificate: %w", err)
	}
	hosts := certificateHosts(certificate)
	if len(hosts) == 0 {
		return nil, missing(fmt.Errorf("the certificate %s names no host: browsers refuse it", p.cert), "make one with subject alternative names")
	}
	ln := join(beyond)
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		return nil, fmt.Errorf("listen for the page: %w", err)
	}
	if p.loginPort != 0 {
		port = strconv.Itoa(p.loginPort)
	}
	address := "https://" + hosts[0] + ":" + port + "/login#"
	pages.login = &web.Login{
		Listener: tls.NewListener(ln, config), Hosts: hosts,
		Guard: login.New(func(code string) {
			log.Info("log in to the page with a code that is good once, for two minutes", "url", address+code)
		}, time.Now),
	}
	return pages, nil
}

// certificateHosts returns the names and addresses that a certificate is for, as a
// Host header has them.
func certificateHosts(c *tls.Certificate) []string {
	hosts := c.Leaf.DNSNames
	for _, ip := range c.Leaf.IPAddresses {
		if ip.To4() == nil {
			hosts = append(hosts, "["+ip.String()+"]")
		} else {
			hosts = append(hosts, ip.String())
		}
	}
	return hosts
}

// tell says where the page is, and shows the first code.
func (p *pageListeners) tell(log *slog.Logger) {
	if p.open != nil {
		log.Info("the page", "address", p.open.Addr().String())
	}
	if p.login != nil {
		log.Info("the page, with TLS and a login", "address", p.login.Listener.Addr().String())
		p.login.Guard.ShowCode()
	}
}

func (p *pageListeners) close() {
	if p.open != nil {
		p.open.Close()
	}
	if p.login != nil {
		p.login.Listener.Close()
	}
}
