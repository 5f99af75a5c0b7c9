// Command pod plays the roles of hellox in the tests of bootstrap: it answers
// the probes, serves a page and echoes, and misbehaves when told to. It stands
// in for hellox itself because it is small and does what a test asks for.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

var version = "0" // set when it is linked

func main() {
	role := os.Args[1]
	fmt.Println(role, "begins, version", version)
	switch os.Getenv("POD_DOES") {
	case "crash":
		fmt.Println("cannot go on: the moon is in the seventh house")
		os.Exit(3)
	case "eat":
		var eaten [][]byte
		for {
			b := make([]byte, 1<<20)
			for i := range b {
				b[i] = byte(i)
			}
			eaten = append(eaten, b)
		}
	}
	ready := http.StatusOK
	if os.Getenv("POD_DOES") == "unready" {
		ready = http.StatusServiceUnavailable
	}
	ops := http.NewServeMux()
	ops.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	ops.HandleFunc("/readyz", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(ready) })
	go serve(":9000", ops)
	switch role {
	case "receive":
		page := http.NewServeMux()
		page.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "version %s", version) })
		page.HandleFunc("/pod", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, os.Getenv("HOSTNAME")) })
		page.HandleFunc("/bytes/{n}", func(w http.ResponseWriter, r *http.Request) {
			n, _ := strconv.ParseInt(r.PathValue("n"), 10, 64)
			io.CopyN(w, zeros{}, n)
		})
		go serve("127.0.0.1:8420", page)
	case "broker":
		go echo("127.0.0.1:1883")
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		case <-time.After(time.Second):
			fmt.Println(role, "says", n)
		}
	}
}

func serve(address string, h http.Handler) {
	fmt.Println(http.ListenAndServe(address, h))
	os.Exit(1)
}

// echo says back what it hears.
func echo(address string) {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for {
		c, err := ln.Accept()
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		go func() {
			io.Copy(c, c)
			c.Close()
		}()
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
