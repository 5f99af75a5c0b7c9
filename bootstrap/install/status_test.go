package install

import (
	"encoding/json"
	"testing"
	"time"
)

func TestPodStatusJSON(t *testing.T) {
	got, err := json.Marshal([]PodStatus{{Name: "broker-0", State: "ready", Since: time.Date(2026, 8, 30, 16, 2, 11, 0, time.FixedZone("", 2*3600)), Image: "i"}})
	const want = `[{"name":"broker-0","state":"ready","restarts":0,"image":"i","since":"2026-08-30T14:02:11.000000000Z"}]`
	if err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}
