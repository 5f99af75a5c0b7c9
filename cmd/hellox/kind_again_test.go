package main

import (
	"net/url"
	"slices"
	"testing"

	"hellox/bootstrap/step"
	"hellox/cmd/hellox/output"
	"hellox/stream"
)

// upEvents holds each event of an up to its schema, and returns them.
func (r *kindRig) upEvents(t *testing.T, program string, more ...string) []upEvent {
	t.Helper()
	out, _ := r.do(t, r.program(program, r.up(append(more, "--output", "json")...)...))
	t.Log(out)
	events := readEvents(t, out)
	if len(events) == 0 || events[len(events)-1].State != output.StateUp {
		t.Fatalf("up ended with 0 and did not say where the stream is:\n%s", out)
	}
	return events
}

// testKindUpAgain does it again with a program that was built another way: the
// image is the same to the byte, so there is nothing to do.
func testKindUpAgain(t *testing.T, r *kindRig) {
	pods := r.pods(t)
	idle := 0
	for _, e := range r.upEvents(t, r.hellox) {
		if e.State != output.StateDone || e.Step == step.Image { // it is packed each time
			continue
		}
		idle++
		if !e.Unchanged {
			t.Errorf("nothing was to be done, and step %s did something: %s", e.Step, e.Detail)
		}
	}
	if idle != 5 {
		t.Errorf("%d steps had nothing to do, want cluster, nodes, apply, roll-out and forward", idle)
	}
	if images := r.podImages(t, "hellox"); len(images) != 1 || images[0] != r.image {
		t.Errorf("built by up it was %s, built by go build it is %v", r.image, images)
	}
	for uid, name := range r.pods(t) {
		if pods[uid] == "" {
			t.Errorf("pod %s was replaced, or scale's number was not kept", name)
		}
	}
}

// testKindTwo has a second installation beside the first for a while.
func testKindTwo(t *testing.T, r *kindRig) {
	const two = "hellox-two"
	events := r.upEvents(t, r.hellox, "--namespace", two)
	page := events[len(events)-1].Web
	if page == r.page {
		t.Fatalf("both pages are at %s", page)
	}
	other := &kindRig{page: page}
	until(t, "the second installation's broadcaster speaks", func() bool { return len(other.senders()) == 1 })
	for name, s := range other.senders() {
		if one := r.senders()[name]; one.Boot == s.Boot {
			t.Errorf("%s of the one is heard by the other", name)
		}
	}
	r.run(t, "publish", "only for two", "--namespace", two)
	heard := func(m stream.Message) bool { return string(m.Payload) == "only for two" }
	topic := url.Values{"topic": {stream.TopicPublish}}
	until(t, "the second has what was published to it", func() bool {
		return slices.ContainsFunc(other.messages(t, 0, topic), heard)
	})
	if slices.ContainsFunc(r.messages(t, 0, topic), heard) {
		t.Error("the first has what was published to the second")
	}
	code, _, said := outcome(t, r.program(r.hellox, "publish", "to whom?"))
	if code != 2 {
		t.Errorf("publish with two to choose from ended with %d", code)
	}
	contains(t, "publish with two to choose from", said, "--namespace hellox-two", "--namespace hellox,")

	r.run(t, "down", "--profile", r.cluster, "--namespace", two)
	if left := r.kubectl(t, "get", "namespace", two, "--ignore-not-found", "-o", "name"); left != "" {
		t.Errorf("after down of the second there is %s", left)
	}
	r.goesOn(t, "the second installation was removed")
}

// testKindChanged rolls a changed program out, through the forwards that stand.
func testKindChanged(t *testing.T, r *kindRig) {
	r.upEvents(t, r.changed, "--broadcasters", "2")
	until(t, "both broadcasters say "+saysOtherwise, func() bool {
		there := 0
		for _, s := range r.senders() {
			last := r.messages(t, s.LastID-1, url.Values{"sender": {s.Sender}})
			if len(last) > 0 && last[0].Text == saysOtherwise {
				there++
			}
		}
		return there == 2
	})
	if images := r.podImages(t, "hellox"); len(images) != 1 || images[0] == r.image {
		t.Errorf("the pods run %v; before the change they ran %s", images, r.image)
	}
	rows := r.browser.rows(t)
	if len(rows) == 0 {
		t.Error("the page shows nothing any more")
	}
}
