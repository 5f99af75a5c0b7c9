package broker

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/mochi-mqtt/server/v2/packets"
)

// TestLogsHoldNoSecrets has clients send passwords, authentication data and payloads,
// in packets that are taken and in such that are refused at every place where one
// can be. None of it is in the log, at any level and in no encoding.
func TestLogsHoldNoSecrets(t *testing.T) {
	const secret = "swordfish-7f3a"
	said := &safeBuffer{}
	o := Options{
		Listeners: []Listener{{Net: listenLoopback(t), Open: true}, {Net: listenLoopback(t)}, {Net: listenLoopback(t), Open: true, WebSocket: true}},
		Insecure:  true, Store: t.TempDir(), StoreLimit: 4 << 20, Backpressure: []string{"away"},
		Log: slog.New(slog.NewJSONHandler(said, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	b, stop := startStop(t, o)
	away(t, b, "away", "fill")
	try := func(listener int, sent ...[]byte) {
		c := dial(t, b.Addr(listener))
		for _, p := range sent {
			if c.trySend(p) != nil {
				break
			}
		}
		_ = c.trySend([]byte{packets.Pingreq<<4 | 15, 0}) // which ends every connection
		c.closed()
	}
	user := hello{id: "u", user: "u", password: secret}.packet()
	user5 := hello{id: "u5", v5: true, user: "u", password: secret}.packet()
	will := raw311("MQTT", 4, 2|4|128|64, "w", "$SYS/w", secret, "u", secret)
	try(0, user, user)                           // a second CONNECT
	try(0, user5, user5)                         //
	try(0, user[:len(user)-3], user)             // cut off
	try(0, append(user, 'x'))                    //
	try(0, raw311("MQTT", 4, 2|64, "x", secret)) // without a user
	try(0, raw311("MQTX", 4, 2|128|64, "x", "u", secret))
	try(0, will)
	try(0, raw5(2|128|64, "\x15\x00\x01a\x16\x00\x0e"+secret, "x", "u", secret))
	try(0, raw5(2, "\x15\x00\x01a\x15\x00\x0e"+secret, "x"))
	for _, listener := range []int{0, 1} {
		for _, h := range []hello{{id: "p"}, {id: "p5", v5: true}} {
			c := &client{v5: h.v5}
			for qos := range byte(3) {
				for _, topic := range []string{"hello_world/x", "elsewhere", "$SYS/x", "a/#", strings.Repeat("a/", 20) + "a"} {
					try(listener, h.packet(), c.publishPacket(topic, secret, qos, true, 1))
				}
			}
			try(listener, h.packet(), c.publishPacket("x", strings.Repeat(secret, 20_000), 1, false, 1))
			try(listener, h.packet(), frame(packets.Publish<<4|6, append(str(nil, "x"), secret...)))
			try(listener, h.packet(), frame(packets.Disconnect<<4, []byte(secret)))
			try(listener, h.packet(), frame(packets.Auth<<4, []byte(secret)))
		}
	}
	try(0, hello{id: "props", v5: true}.packet(), publish5(1, "x", "\x26\x00\x01k\x00\x0e"+secret+"\x7f"))
	full := connect(t, b.Addr(0), hello{id: "full"})
	for p := (packet{head: packets.Puback << 4}); p.kind() == packets.Puback; {
		full.send(full.publishPacket("fill", strings.Repeat(secret, 10_000), 1, false, 1))
		var err error
		if p, err = full.read(testTimeout); err != nil {
			break
		}
	}
	header := http.Header{"Authorization": {"Bearer " + secret}, "Cookie": {"session=" + secret}, "Origin": {"http://evil.example"}}
	for _, path := range []string{"/", "/?token=" + secret} {
		ws, _, err := websocket.Dial(t.Context(), fmt.Sprintf("ws://%s%s", b.Addr(2), path), &websocket.DialOptions{HTTPHeader: header}) //nolint:bodyclose // refused
		if err == nil {
			ws.CloseNow()
			t.Error("a page of another origin is let in")
		}
	}
	stop()
	log := said.String()
	for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret))[:12], hex.EncodeToString([]byte(secret)), fmt.Sprint([]byte(secret[:4]))[1:12]} {
		if i := strings.Index(log, form); i >= 0 {
			t.Errorf("the log has a secret as %q: …%s", form, log[max(0, i-300):min(len(log), i+100)])
		}
	}
	for _, shown := range []string{`"client":"p5"`, "degraded", "refused", "second CONNECT"} {
		if !strings.Contains(log, shown) {
			t.Errorf("the log has no %s: the test shows nothing", shown)
		}
	}
}
