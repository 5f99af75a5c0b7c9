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
	for metric, add := range map[string]func(prometheus.Registerer, string){"hellox_ca_bundle_info": AddCABundle, "hellox_pod_keys_info": AddPodKeys} {
		testInfoOfFile(t, metric, add)
	}
}

func testInfoOfFile(t *testing.T, metric string, add func(prometheus.Registerer, string)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.crt")
	r := prometheus.NewRegistry()
	add(r, path)
	add(r, "")
	scrape := func() string {
		w := httptest.NewRecorder()
		promhttp.HandlerFor(r, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		return w.Body.String()
	}
	if got := scrape(); got != "" {
		t.Errorf("without the file: %s", got)
	}
	for _, text := range []string{"old", "old and new"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("\n%s{sha256=\"%x\"} 1\n", metric, sha256.Sum256([]byte(text)))
		if got := scrape(); !strings.Contains(got, want) {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestInForce has a file that is wrong for a while.
func TestInForce(t *testing.T) {
	r, wrong := prometheus.NewRegistry(), ""
	AddInForce(r, []string{"users", "acl"}, func(flag string) bool { return flag != wrong })
	for _, wrong = range []string{"", "acl"} {
		w := httptest.NewRecorder()
		promhttp.HandlerFor(r, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		acl := map[string]string{"": "1", "acl": "0"}[wrong]
		for _, want := range []string{"hellox_file_in_force{flag=\"users\"} 1\n", "hellox_file_in_force{flag=\"acl\"} " + acl + "\n"} {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s, want %s", w.Body, want)
			}
		}
	}
}
