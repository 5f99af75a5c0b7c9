package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// plainLog is the least that can acknowledge a message durably: it appends what
// has come to a file, syncs, and answers. It keeps nothing apart and serves
// nobody, so no broker is faster; what it takes is the disk, the wait for the
// sync that is under way, the network and the load generator on the same cores.
func plainLog() peer {
	return peer{"a plain log, no broker", func(ctx context.Context, dir string) (*running, error) {
		return startChild(ctx, "plain true "+dir)
	}}
}

// A plain is the plain log. Its connections add to pending and waiting, and its
// one writer takes both.
type plain struct {
	mu      sync.Mutex
	more    *sync.Cond
	pending []byte
	waiting []plainAck
	closed  bool
}

type plainAck struct {
	to net.Conn
	id [2]byte
}

func servePlain(ctx context.Context, dir, addr string) error {
	file, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	p := &plain{}
	p.more = sync.NewCond(&p.mu)
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	failed := make(chan error, 1)
	go func() {
		failed <- p.write(file)
		l.Close()
	}()
	for {
		c, err := l.Accept()
		if err != nil {
			p.close()
			return <-failed
		}
		go p.serve(c)
	}
}

func (p *plain) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.more.Signal()
}

// write appends, syncs and answers, until close.
func (p *plain) write(file *os.File) error {
	for {
		p.mu.Lock()
		for len(p.waiting) == 0 && !p.closed {
			p.more.Wait()
		}
		if p.closed {
			p.mu.Unlock()
			return nil
		}
		pending, waiting := p.pending, p.waiting
		p.pending, p.waiting = nil, nil
		p.mu.Unlock()
		if _, err := file.Write(pending); err != nil {
			return err
		}
		if err := syscall.Fdatasync(int(file.Fd())); err != nil {
			return err
		}
		for _, a := range waiting {
			a.to.Write([]byte{0x40, 2, a.id[0], a.id[1]}) // a client that has gone needs none
		}
	}
}

// serve speaks just enough MQTT 3.1.1 to be published to at QoS 1.
func (p *plain) serve(conn net.Conn) error {
	defer conn.Close()
	c := &client{conn, bufio.NewReaderSize(conn, 4<<10), bufio.NewWriterSize(conn, 16)}
	for {
		head, body, err := c.read()
		if err != nil {
			return err
		}
		var answer []byte
		switch head >> 4 {
		case 1:
			answer = []byte{0x20, 2, 0, 0}
		case 8:
			answer = []byte{0x90, 3, body[0], body[1], 1}
		case 3:
			topic := int(binary.BigEndian.Uint16(body))
			p.mu.Lock()
			p.pending = append(p.pending, body...)
			p.waiting = append(p.waiting, plainAck{conn, [2]byte(body[2+topic:])})
			p.more.Signal()
			p.mu.Unlock()
			continue
		default:
			return errors.New("a packet that no load sends")
		}
		if _, err := conn.Write(answer); err != nil {
			return err
		}
	}
}
