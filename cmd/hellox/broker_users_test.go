package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"hellox/bootstrap/run/runtest"
)

var aclBlock = regexp.MustCompile("(?s)```acl\n(.*?)```")

// TestUsersPage types what docs/users.md has, on another port, and wants each
// command to end as the page says.
func TestUsersPage(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("there is no shell")
	}
	for _, name := range []string{"mosquitto_pub", "mosquitto_sub"} {
		if _, err := exec.LookPath(name); err != nil {
			needed(t, name)
		}
	}
	python := pythonWithPaho(t)
	page, err := os.ReadFile("../../docs/users.md")
	if err != nil {
		t.Fatal(err)
	}
	acl := aclBlock.FindSubmatch(page)
	if acl == nil {
		t.Fatal("the page has no ACL")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "acl"), acl[1], 0o600); err != nil {
		t.Fatal(err)
	}
	ports := strings.NewReplacer("8883", freePort(t), "8884", freePort(t), "0.0.0.0", "127.0.0.1")
	script := strings.ReplaceAll(usersScript(t, ports.Replace(string(page))), "python3 -c", python+" -c")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), runtest.Variable(), "HOME="+dir)
	runtest.Bind(cmd)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{"got", "got-desk"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != "21\n" {
			t.Errorf("%s has %q, %v; the output:\n%s", name, got, err, out)
		}
	}
	for _, want := range []string{"this client may not publish on that topic", "bad user name or password", "the client shows no certificate"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the broker's log does not have %q:\n%s", want, out)
		}
	}
}

func freePort(t *testing.T) string {
	_, port, _ := strings.Cut(freeAddress(t), ":")
	return port
}

// usersScript returns the page's commands as one script: each must succeed, or fail
// where the page says that it is refused. What runs beside the others is waited
// for, and the brokers end with the script.
func usersScript(t *testing.T, page string) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("brokers= beside=\ntrap 'kill $brokers' EXIT\n")
	refused, brokers := 0, 0
	port := regexp.MustCompile(`:(\d+)`)
	for _, block := range shellBlock.FindAllStringSubmatch(page, -1) {
		for line := range strings.Lines(block[1]) {
			line = strings.TrimSpace(line)
			command, isRefused := strings.CutSuffix(line, "# refused")
			switch {
			case isRefused:
				refused++
				fmt.Fprintf(&b, "if %s; then echo 'not refused: %s'; exit 9; fi\n", command, strings.ReplaceAll(command, "'", ""))
			case strings.HasPrefix(line, "hellox broker --listen"):
				brokers++
				// The port is open when a client that may connect can.
				login := "-u recv -P recv-secret"
				if strings.Contains(line, "--client-ca") {
					login = "--cert certs/press.crt --key certs/press.key"
				}
				fmt.Fprintf(&b, "%s\nbrokers=\"$brokers $!\"\n", line)
				fmt.Fprintf(&b, "until mosquitto_pub -h localhost -p %s --cafile certs/ca.crt %s -t hello_world/press/x -m x 2>/dev/null; do sleep 0.1; done\n", port.FindStringSubmatch(line)[1], login)
			case strings.HasSuffix(line, "&"):
				fmt.Fprintf(&b, "%s\nbeside=\"$beside $!\"\n", line)
			default:
				fmt.Fprintf(&b, "%s || exit 8\n", line)
			}
		}
	}
	if refused < 4 || brokers != 2 {
		t.Errorf("the page has %d commands that are refused, and %d brokers", refused, brokers)
	}
	b.WriteString("for n in $beside; do wait $n || exit 7; done\n")
	return b.String()
}

// TestRolesWithUsers has hellox's own roles work with a broker that knows users: the
// rights of the roles are all that they need.
func TestRolesWithUsers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var users strings.Builder
	for _, name := range []string{"recv", "broadcast-0"} {
		cmd := exec.Command("hellox", "broker", "passwd", name)
		cmd.Stdin = strings.NewReader("secret of " + name + "\n")
		line, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		users.Write(line)
	}
	files := map[string]string{"users": users.String(), "acl": "role recv receive\nrole broadcast-0 broadcast\n"}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	address, page := freeAddress(t), freeAddress(t)
	as := func(name string) []string {
		return append(os.Environ(), runtest.Variable(), "HELLOX_PASSWORD=secret of "+name)
	}
	broker := startProcess(t, dir, "broker", "broker", "--listen", "mqtt://"+address, "--users", filepath.Join(dir, "users"), "--acl", filepath.Join(dir, "acl"))
	startProcessIn(t, as("recv"), dir, "receive", "receive", "--broker", "mqtt://"+address, "--user", "recv", "--listen", page, "--history", "memory:")
	startProcessIn(t, as("broadcast-0"), dir, "broadcast", "broadcast", "--broker", "mqtt://"+address, "--user", "broadcast-0", "--id", "broadcast-0", "--count", "2", "--min", "50ms", "--max", "100ms")
	for _, sender := range []string{"broadcast-0-0", "broadcast-0-1"} {
		until(t, "the page has messages of "+sender, func() bool {
			return strings.Contains(fetched("http://"+page+"/api/messages?sender="+sender), `"text":"Hello world"`)
		})
		until(t, sender+" is on time", func() bool {
			return strings.Contains(fetched("http://"+page+"/api/senders"), `"on time"`)
		})
		resp, err := http.Post("http://"+page+"/api/command", "application/json", strings.NewReader(`{"to":"`+sender+`","do":"pause"}`))
		if err != nil {
			t.Fatal(err)
		}
		answer, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s is told to pause: %s: %s", sender, resp.Status, answer)
		}
	}
	if log, err := os.ReadFile(broker.log); err != nil || strings.Contains(string(log), `"msg":"refused","role":"broker","client":"broadcast`) {
		t.Errorf("the broker refused something, %v: %s", err, log)
	}
}

// fetched returns what a page answers, or "" as long as there is none.
func fetched(url string) string {
	resp, err := http.Get(url)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return ""
	}
	return string(b)
}
