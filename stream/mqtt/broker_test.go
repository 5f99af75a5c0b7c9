package mqtt

import (
	"testing"

	"hellox/broker/brokertest"
)

// A testBroker is a broker in this process, as stream addresses it.
type testBroker struct{ *brokertest.Broker }

func startBroker(t testing.TB) *testBroker {
	t.Helper()
	return &testBroker{brokertest.New(t)}
}

func (b *testBroker) broker() Broker { return Broker{Scheme: "mqtt", Host: b.Addr} }
