package broker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"hellox/bootstrap/run/runtest"
	"hellox/stream/streamtest"
)

// A clause is something a client does, and what a broker may answer, by MQTT 3.1.1
// or 5: packets and codes, and whether the connection stays open.
type clause struct {
	name string
	v5   bool
	raw  bool   // send has its own CONNECT
	send []byte // after a CONNECT that is accepted
	want string // alternatives, separated by |
}

// raw311 is a CONNECT of MQTT 3.1.1 with the fields that a clause is about.
func raw311(name string, level, flags byte, rest ...string) []byte {
	b := append(str(nil, name), level, flags, 0, 60)
	for _, s := range rest {
		b = str(b, s)
	}
	return frame(packets.Connect<<4, b)
}

// raw5 is a CONNECT of MQTT 5 with properties.
func raw5(flags byte, props string, rest ...string) []byte {
	b := append(str(nil, "MQTT"), 5, flags, 0, 60)
	b = append(append(b, byte(len(props))), props...)
	for _, s := range rest {
		b = str(b, s)
	}
	return frame(packets.Connect<<4, b)
}

func publish5(qos byte, topic, props string) []byte {
	b := str(nil, topic)
	if qos > 0 {
		b = binary.BigEndian.AppendUint16(b, 1)
	}
	return frame(packets.Publish<<4|qos<<1, append(append(b, byte(len(props))), props...))
}

func subscribe5(topicFilter string, options byte, props string) []byte {
	b := append([]byte{0, 1, byte(len(props))}, props...)
	return frame(packets.Subscribe<<4|2, append(str(b, topicFilter), options))
}

func subscribe3(topicFilter string, qos byte) []byte {
	return frame(packets.Subscribe<<4|2, append(str([]byte{0, 1}, topicFilter), qos))
}

const (
	notShared = "SUBACK 8f, open|" + closed5 + "|DISCONNECT 8f, closed"
	closed5   = "DISCONNECT 81, closed|DISCONNECT 82, closed|closed"
	refused5  = "CONNACK 81, closed|CONNACK 82, closed|closed"
	expiryOne = "\x11\x00\x00\x00\x01"
)

func clauses311() []clause {
	return []clause{
		{name: "MQTT-3.1.0-1 first packet is not CONNECT", raw: true, send: []byte{packets.Pingreq << 4, 0}, want: "closed"},
		{name: "MQTT-3.1.0-2 second CONNECT", send: raw311("MQTT", 4, 2, "x"), want: "closed"},
		{name: "MQTT-3.1.2-1 protocol name", raw: true, send: raw311("MQTX", 4, 2, "x"), want: "closed"},
		{name: "MQTT-3.1.2-2 level 6", raw: true, send: raw311("MQTT", 6, 2, "x"), want: "CONNACK 1, closed|CONNACK 84, closed"},
		{name: "MQTT-3.1.2-2 level 2", raw: true, send: raw311("MQTT", 2, 2, "x"), want: "CONNACK 1, closed"},
		{name: "MQTT-3.1.2-3 reserved flag", raw: true, send: raw311("MQTT", 4, 3, "x"), want: "closed"},
		{name: "MQTT-3.1.2-13 QoS of no will", raw: true, send: raw311("MQTT", 4, 2|8, "x"), want: "closed"},
		{name: "MQTT-3.1.2-14 QoS 3 of a will", raw: true, send: raw311("MQTT", 4, 2|4|24, "x", "w", "w"), want: "closed"},
		{name: "MQTT-3.1.2-15 retain of no will", raw: true, send: raw311("MQTT", 4, 2|32, "x"), want: "closed"},
		{name: "MQTT-3.1.2-22 password without user", raw: true, send: raw311("MQTT", 4, 2|64, "x", "p"), want: "closed"},
		{name: "MQTT-3.1.3-3 no client ID field", raw: true, send: raw311("MQTT", 4, 2), want: "closed"},
		{name: "MQTT-3.1.3-6 empty client ID", raw: true, send: raw311("MQTT", 4, 2, ""), want: "CONNACK 0, open"},
		{name: "MQTT-3.1.3-8 empty client ID, kept session", raw: true, send: raw311("MQTT", 4, 0, ""), want: "CONNACK 2, closed"},
		{name: "MQTT-3.1.3-10 empty will", raw: true, send: raw311("MQTT", 4, 2|4, "empty", "w", ""), want: "CONNACK 0, open"},
		{name: "3.1.2.6 empty password", raw: true, send: raw311("MQTT", 4, 2|128|64, "x", "u", ""), want: "CONNACK 0, open"},
		{name: "3.1.3 bytes after the payload", raw: true, send: raw311("MQTT", 4, 2, "x", "y"), want: "closed"},
		{name: "MQTT-2.2.2-2 flags of PINGREQ", send: []byte{packets.Pingreq<<4 | 1, 0}, want: "closed"},
		{name: "2.2.3 length of five bytes", send: []byte{packets.Publish << 4, 0xff, 0xff, 0xff, 0xff, 1}, want: "closed"},
		{name: "2.2.1 reserved type 0", send: []byte{0, 0}, want: "closed"},
		{name: "2.2.1 reserved type 15", send: []byte{0xf0, 0}, want: "closed"},
		{name: "2.2.1 CONNACK from a client", send: []byte{packets.Connack << 4, 2, 0, 0}, want: "closed"},
		{name: "2.2.1 SUBACK from a client", send: []byte{packets.Suback << 4, 3, 0, 1, 0}, want: "closed"},
		{name: "3.12 PINGREQ with a payload", send: []byte{packets.Pingreq << 4, 1, 0}, want: "closed"},
		{name: "MQTT-2.3.1-1 PUBLISH with packet ID 0", send: frame(packets.Publish<<4|2, append(str(nil, "x"), 0, 0)), want: "closed"},
		{name: "MQTT-3.3.1-2 DUP at QoS 0", send: frame(packets.Publish<<4|8, str(nil, "x")), want: "closed"},
		{name: "MQTT-3.3.1-4 QoS 3", send: frame(packets.Publish<<4|6, append(str(nil, "x"), 0, 1)), want: "closed"},
		{name: "MQTT-3.3.2-2 wildcard in a topic", send: frame(packets.Publish<<4, str(nil, "a/#")), want: "closed"},
		{name: "MQTT-4.7.3-1 empty topic", send: frame(packets.Publish<<4, str(nil, "")), want: "closed"},
		{name: "MQTT-1.5.3-1 topic is not UTF-8", send: frame(packets.Publish<<4, str(nil, "a\xff")), want: "closed"},
		{name: "MQTT-1.5.3-2 NUL in a topic", send: frame(packets.Publish<<4, str(nil, "a\x00")), want: "closed"},
		{name: "MQTT-4.7.1 topic shorter than said", send: frame(packets.Publish<<4, []byte{0, 9, 'x'}), want: "closed"},
		{name: "MQTT-3.8.1-1 flags of SUBSCRIBE", send: frame(packets.Subscribe<<4, append(str([]byte{0, 1}, "x"), 0)), want: "closed"},
		{name: "MQTT-2.3.1-1 SUBSCRIBE with packet ID 0", send: frame(packets.Subscribe<<4|2, append(str([]byte{0, 0}, "x"), 0)), want: "closed"},
		{name: "MQTT-3.8.3-3 SUBSCRIBE without filter", send: frame(packets.Subscribe<<4|2, []byte{0, 1}), want: "closed"},
		{name: "MQTT-3-8.3-4 subscribe at QoS 3", send: frame(packets.Subscribe<<4|2, append(str([]byte{0, 1}, "x"), 3)), want: "closed"},
		{name: "MQTT-3-8.3-4 reserved bits of SUBSCRIBE", send: frame(packets.Subscribe<<4|2, append(str([]byte{0, 1}, "x"), 4)), want: "closed"},
		{name: "MQTT-4.7.1-2 # inside a filter", send: frame(packets.Subscribe<<4|2, append(str([]byte{0, 1}, "a/#/b"), 0)), want: "SUBACK 80, open|closed"},
		{name: "MQTT-4.7.1-3 + inside a level", send: frame(packets.Subscribe<<4|2, append(str([]byte{0, 1}, "a+"), 0)), want: "SUBACK 80, open|closed"},
		{name: "MQTT-3.8.4-5 codes in order", send: frame(packets.Subscribe<<4|2, append(str(append(str([]byte{0, 1}, "x"), 2), "y"), 0)), want: "SUBACK 2 0, open"},
		{name: "4.8.2 (5) shared subscription", send: subscribe3("$share/g/x", 2), want: "SUBACK 2, open"},
		{name: "MQTT-4.8.2-1 (5) shared subscription without a name", send: subscribe3("$share//x", 0), want: "SUBACK 80, open|closed"},
		{name: "MQTT-4.8.2-2 (5) + in the name of a shared subscription", send: subscribe3("$share/+/x", 0), want: "SUBACK 80, open|closed"},
		{name: "MQTT-3.10.1-1 flags of UNSUBSCRIBE", send: frame(packets.Unsubscribe<<4, str([]byte{0, 1}, "x")), want: "closed"},
		{name: "MQTT-3.10.3-2 UNSUBSCRIBE without filter", send: frame(packets.Unsubscribe<<4|2, []byte{0, 1}), want: "closed"},
		{name: "MQTT-3.10.4-5 UNSUBSCRIBE of nothing", send: frame(packets.Unsubscribe<<4|2, str([]byte{0, 1}, "x")), want: "UNSUBACK, open"},
		{name: "MQTT-3.6.1-1 flags of PUBREL", send: frame(packets.Pubrel<<4, []byte{0, 1}), want: "closed"},
		{name: "MQTT-4.3.3-2 PUBREL of an unknown ID", send: frame(packets.Pubrel<<4|2, []byte{0, 9}), want: "PUBCOMP, open"},
		{name: "4.3 PUBACK of an unknown ID", send: frame(packets.Puback<<4, []byte{0, 9}), want: "open"},
		{name: "MQTT-3.14.4-2 DISCONNECT", send: []byte{packets.Disconnect << 4, 0}, want: "closed"},
		{name: "3.14 DISCONNECT with a payload", send: []byte{packets.Disconnect << 4, 1, 0}, want: "closed"},
	}
}

func clauses5() []clause {
	all := []clause{
		{name: "MQTT-3.1.2-1 protocol name", raw: true, send: raw311("MQTX", 5, 2, "x"), want: "closed|CONNACK 84, closed"},
		{name: "MQTT-3.1.2-3 reserved flag", raw: true, send: raw5(3, "", "x"), want: refused5},
		{name: "3.1.2.9 password without user", raw: true, send: raw5(2|64, "", "x", "p"), want: "CONNACK 0, open"},
		{name: "MQTT-3.1.3-6 empty client ID", raw: true, send: raw5(0, "", ""), want: "CONNACK 0, open"},
		{name: "3.1.2.11.3 Receive Maximum 0", raw: true, send: raw5(2, "\x21\x00\x00", "x"), want: refused5},
		{name: "3.1.2.11.4 Maximum Packet Size 0", raw: true, send: raw5(2, "\x27\x00\x00\x00\x00", "x"), want: refused5},
		{name: "3.1.2.11.2 Session Expiry twice", raw: true, send: raw5(2, expiryOne+expiryOne, "x"), want: refused5},
		{name: "3.1.2.11.7 Request Problem Information 2", raw: true, send: raw5(2, "\x17\x02", "x"), want: refused5},
		{name: "3.1.2.11.6 Request Response Information 2", raw: true, send: raw5(2, "\x19\x02", "x"), want: refused5},
		{name: "MQTT-4.12.0-1 authentication method", raw: true, send: raw5(2, "\x15\x00\x01a", "x"), want: "CONNACK 8c, closed"},
		{name: "3.1.2.11.10 data without a method", raw: true, send: raw5(2, "\x16\x00\x01a", "x"), want: refused5},
		{name: "2.2.2.2 property of another packet", raw: true, send: raw5(2, "\x23\x00\x01", "x"), want: refused5},
		{name: "2.2.2.2 unknown property", raw: true, send: raw5(2, "\x7f\x00", "x"), want: refused5},
		{name: "2.2.2.1 properties longer than the packet", raw: true, send: frame(packets.Connect<<4, append(str(nil, "MQTT"), 5, 2, 0, 60, 99, 0x11)), want: refused5},
		{name: "2.2.2.1 properties cut off", raw: true, send: raw5(2, "\x11\x00\x00", "x"), want: refused5},
		{name: "MQTT-4.12.0-6 AUTH", send: []byte{packets.Auth << 4, 2, 0x18, 0}, want: closed5},
		{name: "3.3.2.3.4 Topic Alias 0", send: publish5(0, "x", "\x23\x00\x00"), want: "DISCONNECT 94, closed"},
		{name: "3.3.2.3.4 Topic Alias beyond the maximum", send: publish5(0, "x", "\x23\x01\x00"), want: "DISCONNECT 94, closed"},
		{name: "MQTT-3.3.2-8 no topic and no alias", send: publish5(0, "", ""), want: closed5 + "|DISCONNECT 90, closed"},
		{name: "MQTT-3.3.2-14 wildcard in a Response Topic", send: publish5(0, "x", "\x08\x00\x01#"), want: closed5},
		{name: "MQTT-3.3.4-6 Subscription Identifier of a publisher", send: publish5(0, "x", "\x0b\x01"), want: closed5},
		{name: "3.3.2.3.2 Payload Format 2", send: publish5(0, "x", "\x01\x02"), want: closed5},
		{name: "3.3.2.3.3 Message Expiry twice", send: publish5(0, "x", "\x02\x00\x00\x00\x01\x02\x00\x00\x00\x01"), want: closed5},
		{name: "3.8.2.1.2 Subscription Identifier 0", send: subscribe5("x", 0, "\x0b\x00"), want: closed5},
		{name: "3.8.2.1.2 Subscription Identifier twice", send: subscribe5("x", 0, "\x0b\x01\x0b\x02"), want: closed5},
		{name: "3.8.3.1 Retain Handling 3", send: subscribe5("x", 0x30, ""), want: closed5},
		{name: "MQTT-3.8.3-5 reserved bits of SUBSCRIBE", send: subscribe5("x", 0x40, ""), want: closed5},
		{name: "MQTT-3.8.3-4 No Local of a shared subscription", send: subscribe5("$share/g/x", 4, ""), want: closed5},
		{name: "4.8.2 shared subscription", send: subscribe5("$share/g/x", 1, "\x0b\x01"), want: "SUBACK 1, open"},
		{name: "4.8.2 shared subscription with wildcards", send: subscribe5("$share/g/+/#", 2, ""), want: "SUBACK 2, open"},
		{name: "4.8.2 shared subscription of each level empty", send: subscribe5("$share/g//", 0, ""), want: "SUBACK 0, open"},
		{name: "4.8.2 shared subscription, a second time at another QoS", send: append(subscribe5("$share/g/x", 1, ""), subscribe5("$share/g/x", 2, "")...), want: "SUBACK 1, SUBACK 2, open"},
		{name: "4.8.2 UNSUBSCRIBE of a shared subscription", send: append(subscribe5("$share/g/x", 1, ""), frame(packets.Unsubscribe<<4|2, str([]byte{0, 1, 0}, "$share/g/x"))...), want: "SUBACK 1, UNSUBACK 0, open"},
		{name: "4.8.2 UNSUBSCRIBE of another name", send: append(subscribe5("$share/g/x", 1, ""), frame(packets.Unsubscribe<<4|2, str([]byte{0, 1, 0}, "$share/h/x"))...), want: "SUBACK 1, UNSUBACK 11, open"},
		{name: "MQTT-4.8.2-1 $share alone", send: subscribe5("$share", 0, ""), want: notShared},
		{name: "MQTT-4.8.2-1 shared subscription without a name", send: subscribe5("$share//x", 0, ""), want: notShared},
		{name: "MQTT-4.8.2-2 shared subscription without a topic filter", send: subscribe5("$share/g", 0, ""), want: notShared},
		{name: "MQTT-4.8.2-2 shared subscription with an empty topic filter", send: subscribe5("$share/g/", 0, ""), want: notShared},
		{name: "MQTT-4.8.2-2 + in the name of a shared subscription", send: subscribe5("$share/g+/x", 0, ""), want: notShared},
		{name: "MQTT-4.8.2-2 # in the name of a shared subscription", send: subscribe5("$share/#/x", 0, ""), want: notShared},
		{name: "MQTT-4.7.1-1 # inside the topic filter of a shared subscription", send: subscribe5("$share/g/#/x", 0, ""), want: notShared},
		{name: "3.8.3 SUBSCRIBE ends before its options", send: frame(packets.Subscribe<<4|2, str([]byte{0, 1, 0}, "x")), want: closed5},
		{name: "3.8.4 granted", send: subscribe5("x", 2, "\x0b\x01"), want: "SUBACK 2, open"},
		{name: "3.11.3 UNSUBSCRIBE of nothing", send: frame(packets.Unsubscribe<<4|2, str([]byte{0, 1, 0}, "x")), want: "UNSUBACK 11, open"},
		{name: "3.7.2 PUBREL of an unknown ID", send: frame(packets.Pubrel<<4|2, []byte{0, 9}), want: "PUBCOMP 92, open|PUBCOMP, open"},
		{name: "3.6.2 PUBREC of an unknown ID", send: frame(packets.Pubrec<<4, []byte{0, 9}), want: "PUBREL 92, open|PUBREL, open|open"},
		{name: "MQTT-3.14.2-2 Session Expiry raised from 0", send: frame(packets.Disconnect<<4, append([]byte{0, 5}, expiryOne...)), want: "DISCONNECT 82, closed"},
		{name: "2.2.1 reserved type 0", send: []byte{0, 0}, want: closed5},
		{name: "MQTT-3.8.1-1 flags of SUBSCRIBE", send: frame(packets.Subscribe<<4, append(str([]byte{0, 1, 0}, "x"), 0)), want: closed5},
	}
	for i := range all {
		all[i].v5 = true
	}
	return all
}

// try has a client do what the clause says at addr, and returns the answer.
func (k clause) try(t *testing.T, addr net.Addr) string {
	t.Helper()
	var answer []string
	c := dial(t, addr)
	defer c.c.Close()
	c.v5 = k.v5
	if !k.raw {
		c.send(hello{id: "clause", v5: k.v5}.packet())
		if p, err := c.read(testTimeout); err != nil || p.kind() != packets.Connack || p.body[1] != 0 {
			return fmt.Sprintf("the client is not let in: %x, %v", p.body, err)
		}
	}
	if err := c.trySend(append(slices.Clone(k.send), packets.Pingreq<<4, 0)); err != nil {
		return "closed"
	}
	for {
		p, err := c.read(testTimeout)
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			return strings.Join(append(answer, "nothing"), ", ")
		case err != nil:
			return strings.Join(append(answer, "closed"), ", ")
		case p.kind() == packets.Pingresp:
			return strings.Join(append(answer, "open"), ", ")
		}
		answer = append(answer, c.describe(p))
	}
}

// describe returns a packet's name and its codes.
func (c *client) describe(p packet) string {
	name := strings.ToUpper(packets.PacketNames[p.kind()])
	codes := p.body
	switch kind := p.kind(); {
	case kind == packets.Connack:
		codes = codes[1:2]
	case kind == packets.Disconnect && len(codes) > 1:
		codes = codes[:1]
	case kind == packets.Suback || kind == packets.Unsuback:
		codes = codes[2:]
		if c.v5 {
			codes = codes[1+int(codes[0]):]
		}
	case kind >= packets.Puback && kind <= packets.Pubcomp:
		codes = codes[2:min(3, len(codes))]
	}
	for _, code := range codes {
		name += fmt.Sprintf(" %x", code)
	}
	return name
}

// TestClauses tries the clauses of both standards that a client can break, here and
// with Debian's mosquitto: each answer here is one that the standard allows. What
// mosquitto answers otherwise is in the test's log.
func TestClauses(t *testing.T) {
	b := start(t, Options{})
	other := mosquitto(t)
	ours, theirs := 0, 0
	for version, all := range map[string][]clause{"3.1.1": clauses311(), "5": clauses5()} {
		for _, k := range all {
			allowed := strings.Split(k.want, "|")
			answer := k.try(t, b.Addr(0))
			if !slices.Contains(allowed, answer) {
				ours++
				t.Errorf("MQTT %s, %s: %s; want %s", version, k.name, answer, k.want)
			}
			if other == nil {
				continue
			}
			if theirAnswer := k.try(t, other); !slices.Contains(allowed, theirAnswer) {
				theirs++
				t.Logf("mosquitto: MQTT %s, %s: %s; want %s", version, k.name, theirAnswer, k.want)
			}
		}
	}
	t.Logf("%d clauses: not as the standard says: here %d, mosquitto %d", len(clauses311())+len(clauses5()), ours, theirs)
}

// mosquitto starts Debian's broker, and returns nil if it is not there.
func mosquitto(t *testing.T) net.Addr {
	t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		if _, err = os.Stat("/usr/sbin/mosquitto"); err == nil {
			path = "/usr/sbin/mosquitto"
		}
	}
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("the comparison needs mosquitto")
		}
		t.Log("mosquitto is not installed: nothing is compared")
		return nil
	}
	addr, err := net.ResolveTCPAddr("tcp", streamtest.FreeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(t.TempDir(), "mosquitto.conf")
	text := fmt.Sprintf("listener %d 127.0.0.1\nallow_anonymous true\n", addr.Port)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-c", conf)
	runtest.Bind(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for deadline := time.Now().Add(testTimeout); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", addr.String())
		if err == nil {
			c.Close()
			return addr
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}
