package mqtt

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hellox/stream"
)

func TestParseBroker(t *testing.T) {
	for s, want := range map[string]Broker{
		"mqtt://localhost":                       {Scheme: "mqtt", Host: "localhost:1883"},
		"MQTT://localhost":                       {Scheme: "mqtt", Host: "localhost:1883"},
		"tcp://h:1":                              {Scheme: "mqtt", Host: "h:1"},
		"mqtt://h/":                              {Scheme: "mqtt", Host: "h:1883"},
		"mqtts://h":                              {Scheme: "mqtts", Host: "h:8883"},
		"ssl://h":                                {Scheme: "mqtts", Host: "h:8883"},
		"tls://h:8884":                           {Scheme: "mqtts", Host: "h:8884"},
		"ws://h":                                 {Scheme: "ws", Host: "h:80", Path: "/"},
		"wss://h/mqtt":                           {Scheme: "wss", Host: "h:443", Path: "/mqtt"},
		"wss://h:9/a%20b":                        {Scheme: "wss", Host: "h:9", Path: "/a%20b"},
		"mqtt://[::1]:1883":                      {Scheme: "mqtt", Host: "[::1]:1883"},
		"mqtt://[::1]":                           {Scheme: "mqtt", Host: "[::1]:1883"},
		"mqtt://ann:s%40crt@h":                   {Scheme: "mqtt", Host: "h:1883", User: "ann", Password: "s@crt"},
		"mqtt://ann:s@crt@h":                     {Scheme: "mqtt", Host: "h:1883", User: "ann", Password: "s@crt"},
		"mqtt://ann:%23%25@h":                    {Scheme: "mqtt", Host: "h:1883", User: "ann", Password: "#%"},
		"ws://h/a@b":                             {Scheme: "ws", Host: "h:80", Path: "/a@b"},
		"mqtt://ann@h":                           {Scheme: "mqtt", Host: "h:1883", User: "ann"},
		"mqtt://h,i:2,[::1]":                     {Scheme: "mqtt", Host: "h:1883", Others: []string{"i:2", "[::1]:1883"}},
		"tls://h,tls://i/":                       {Scheme: "mqtts", Host: "h:8883", Others: []string{"i:8883"}},
		"mqtt://a,b:c,d@h:1,i":                   {Scheme: "mqtt", Host: "h:1", Others: []string{"i:1883"}, User: "a,b", Password: "c,d"},
		"wss://h,i:2/a,b":                        {Scheme: "wss", Host: "h:443", Others: []string{"i:2"}, Path: "/a,b"},
		"mqtt://broker.hellox.svc.cluster.local": {Scheme: "mqtt", Host: "broker.hellox.svc.cluster.local:1883"},
	} {
		got, err := ParseBroker(s)
		if err != nil {
			t.Errorf("%s: %v", s, err)
		} else if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Files{})); diff != "" {
			t.Errorf("%s\n%s", s, diff)
		}
	}
	for s, says := range map[string]string{
		"":                        "is empty",
		"localhost:1883":          "has no scheme",
		"http://h":                `unknown scheme "http"`,
		"mqtt://":                 "names no host",
		"mqtt://:1883":            "names no host",
		"mqtt://h:port":           "cannot be read",
		"mqtt://h/topic":          "has the path",
		"mqtt://h?x=1":            "has a query",
		"mqtt://h#hello":          "has a query or a fragment",
		"ann:hunter2@h":           "has no scheme",
		"foo://a:hunter2@h":       "unknown scheme",
		"mqtt://a:hunter2@h:port": "cannot be read",
		"mqtt://a:hunter2#1@h":    "a # in its password",
		"mqtt://a:12#3@h":         "a # in its password",
		"mqtt://a:hunter2%@h":     "a % in its password",
		"mqtt://a:%zzhunter2@h":   "a % in its password",
		"mqtt://a:hunter2?@h:1":   "a ? in its password",
		"mqtt://a:12/hunter2@h":   "a / in its password",
		"ws://a:hunter2/@h/mqtt":  "a / in its password",
		"wss://a:hunter2[@h/mqtt": "a [ in its password",
		"mqtt://a:hunter2ä@h":     "a ä in its password",
		"mqtt://a#b:hunter2@h":    "a # in its user name",
		"mqtt://h/topic@x":        "has the path",
		"mqtt://h,":               "is not HOST:PORT",
		"mqtt://h,:1":             "is not HOST:PORT",
		"mqtt://h,i:port":         "is not HOST:PORT",
		"mqtt://,h":               "names no host",
		"mqtt://h,ws://i":         "has the path",
	} {
		_, err := ParseBroker(s)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v does not say %q", s, err, says)
			continue
		}
		if stream.Hint(err) == "" {
			t.Errorf("%s: no hint", s)
		}
		if sign := strings.TrimSuffix(says, " in its password"); sign != says && !strings.Contains(stream.Hint(err), url.PathEscape(sign[2:])) {
			t.Errorf("%s: the hint %q does not have the encoded sign", s, stream.Hint(err))
		}
		if strings.Contains(err.Error()+stream.Hint(err), "hunter2") {
			t.Errorf("%s: %v (%s) tells the password", s, err, stream.Hint(err))
		}
	}
}

func TestBrokerNeverPrintsThePassword(t *testing.T) {
	b, err := ParseBroker("mqtts://ann:hunter2@h")
	if err != nil || b.Password != "hunter2" {
		t.Fatal(b.Password, err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "broker", b, "options", &b)
	asJSON, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%v %+v %#v %s %q", b, b, b, b, b) + fmt.Sprint(&b) + fmt.Sprintf("%+v", SubscribeOptions{Broker: b}) + fmt.Sprintf("%+v", newConnectError(b, asking{}, errClosed, 0)) + log.String() + string(asJSON)
	if strings.Contains(all, "hunter2") {
		t.Error(all)
	}
	if !strings.Contains(all, "mqtts://h:8883") {
		t.Error(all)
	}
}
