package authority

import (
	"bytes"
	"testing"
	"time"
)

func TestSigner(t *testing.T) {
	first, second := issue(t, press, now), issue(t, press, now.Add(time.Hour))
	both := Join(first.Authority, second.Authority)
	for _, test := range []struct {
		name    string
		serving Serving
		scope   Scope
		want    []byte
	}{
		{"alone", Serving{first.Authority, first.Certificate, first.Key}, press, first.Authority},
		{"the first of two", Serving{both, first.Certificate, first.Key}, press, first.Authority},
		{"the second of two", Serving{both, second.Certificate, second.Key}, press, second.Authority},
		{"after what is damaged", Serving{Join(encode("CERTIFICATE", []byte("x")), first.Authority), first.Certificate, first.Key}, press, first.Authority},
		{"none", Serving{}, press, nil},
		{"of another authority", Serving{second.Authority, first.Certificate, first.Key}, press, nil},
		{"another's key", Serving{first.Authority, first.Certificate, second.Key}, press, nil},
		{"no bundle", Serving{nil, first.Certificate, first.Key}, press, nil},
		{"of another namespace", Serving{first.Authority, first.Certificate, first.Key}, Scope{Namespace: "hellox"}, nil},
		{"of another domain", Serving{first.Authority, first.Certificate, first.Key}, Scope{"press", "example.org"}, nil},
	} {
		if got := test.serving.Signer(test.scope, "broker"); !bytes.Equal(got, test.want) {
			t.Errorf("%s: the wrong signer", test.name)
		}
	}
}

func TestDue(t *testing.T) {
	issued := issue(t, press, now)
	end := Expiry(issued.Authority, issued.Certificate)
	if !end.Equal(now.Add(Lifetime)) {
		t.Errorf("ends %s", end)
	}
	day := 24 * time.Hour
	for before, due := range map[time.Duration]bool{61 * day: false, 59 * day: true, day: true, -day: true} {
		if got := Due(end, end.Add(-before)); got != due {
			t.Errorf("%s before the end: due %v", before, got)
		}
	}
	if !Expiry([]byte("no PEM")).IsZero() {
		t.Error("an end of nothing")
	}
	older := issue(t, press, now.Add(-day))
	if got := Expiry(Join(issued.Authority, older.Authority)); !got.Equal(now.Add(Lifetime - day)) {
		t.Errorf("the first end of two: %s", got)
	}
}
