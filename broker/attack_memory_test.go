package broker

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"hellox/broker/wire"
)

// memoryAttacks count what this process allocates or holds, so that no other attack may run
// beside them.
func memoryAttacks() []attack {
	return []attack{
		{"memory for a length that is only announced", "clients.go:456", func(a *arena) {
			before := allocated()
			c := dial(a.t, a.b.Addr(a.open))
			c.trySend([]byte{packets.Connect << 4, 0x80, 0x80, 0x80, 0x64})
			c.closed()
			c = a.connect(a.open, hello{id: "big"})
			c.trySend([]byte{packets.Publish << 4, 0x80, 0x80, 0x80, 0x64})
			c.closed()
			if grown := allocated() - before; grown > 10<<20 {
				a.t.Errorf("%d bytes were allocated", grown)
			}
			c = dial(a.t, a.b.Addr(a.open))
			c.trySend(hello{id: strings.Repeat("x", wire.MaxConnect)}.packet())
			c.closed()
		}, func(a *arena) {
			c := a.connect(a.open, hello{id: "big"})
			c.subscribe(1, "x")
			payload := strings.Repeat("x", 200<<10)
			c.send(c.publishPacket("x", payload, 1, false, 9))
			if g := c.take(); g.payload != payload {
				a.t.Errorf("got %d bytes", len(g.payload))
			}
		}},
		{"a WebSocket frame of 4 GiB", "NATS CVE-2026-27889, -27571", func(a *arena) {
			host := a.webSocket()
			before := allocated()
			c, err := net.Dial("tcp", host)
			if err != nil {
				a.t.Fatal(err)
			}
			defer c.Close()
			fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n", host)
			_, _ = c.Write([]byte{0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4})
			_ = c.SetReadDeadline(time.Now().Add(connectTimeout + testTimeout))
			if _, err := io.Copy(io.Discard, c); err != nil {
				a.t.Errorf("it is still open: %v", err)
			}
			if grown := allocated() - before; grown > 64<<20 {
				a.t.Errorf("%d bytes were allocated", grown)
			}
		}, func(a *arena) { a.upgraded(a.webSocket(), "") }},
		again("packet IDs at QoS 2 that are never released", "finding 6", TestUnreleasedIsSmall, (*arena).releases),
	}
}

// allocated returns how many bytes this process has allocated since its start.
func allocated() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.TotalAlloc)
}
