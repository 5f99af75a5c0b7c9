package ops

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// TestInfoOfFile changes a file: the metric is the hash of what it has now.
func TestInfoOfFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ca.crt")
	r := prometheus.NewRegistry()
	AddCABundle(r, path)
	AddCABundle(r, "")
	if got := scrape(r); got != "" {
		t.Errorf("without the file: %s", got)
	}
	for _, text := range []string{"old", "old and new"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("\nhellox_ca_bundle_info{sha256=\"%x\"} 1\n", sha256.Sum256([]byte(text)))
		if got := scrape(r); !strings.Contains(got, want) {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func scrape(r *prometheus.Registry) string {
	w := httptest.NewRecorder()
	promhttp.HandlerFor(r, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

// TestPodKeys has a broker without keys, and then with some.
func TestPodKeys(t *testing.T) {
	r, hash := prometheus.NewRegistry(), ""
	AddPodKeys(r, func() string { return hash })
	if got := scrape(r); got != "" {
		t.Errorf("without keys: %s", got)
	}
	hash = "ab12"
	if got := scrape(r); !strings.Contains(got, "\nhellox_pod_keys_info{sha256=\"ab12\"} 1\n") {
		t.Errorf("with keys: %s", got)
	}
}

// TestInForce has a file that is wrong for a while.
func TestInForce(t *testing.T) {
	r, wrong := prometheus.NewRegistry(), ""
	AddInForce(r, []string{"users", "acl"}, func(flag string) bool { return flag != wrong })
	for _, wrong = range []string{"", "acl"} {
		got := scrape(r)
		acl := map[string]string{"": "1", "acl": "0"}[wrong]
		for _, want := range []string{"hellox_file_in_force{flag=\"users\"} 1\n", "hellox_file_in_force{flag=\"acl\"} " + acl + "\n"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s, want %s", got, want)
			}
		}
	}
}
