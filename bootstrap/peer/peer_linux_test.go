package peer

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stranger is the user that the test becomes for a child: Debian's nobody.
const stranger = 65534

// TestMain is also the child: it connects as the user it was started as, and prints
// what it reads.
func TestMain(m *testing.M) {
	address := os.Getenv("HELLOX_TEST_DIAL")
	if address == "" {
		os.Exit(m.Run())
	}
	conn, err := net.DialTimeout("tcp", address, time.Minute)
	if err != nil {
		fmt.Println("dial:", err)
		return
	}
	_, _ = conn.Write([]byte("hello"))
	if os.Getenv("HELLOX_TEST_CLOSE") != "" {
		conn.Close()
		fmt.Println("closed")
		return
	}
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	text, err := io.ReadAll(conn)
	fmt.Printf("%q %v\n", text, err)
}

// serve answers each connection that comes through, and counts them.
func serve(t *testing.T, network, address string) (addr string, accepted chan string) {
	t.Helper()
	ln, err := net.Listen(network, address)
	if err != nil {
		t.Skipf("listen on %s: %v", address, err)
	}
	t.Cleanup(func() { ln.Close() })
	only := OnlyMine(ln)
	accepted = make(chan string, 10)
	go func() {
		for {
			conn, err := only.Accept()
			if err != nil {
				return
			}
			accepted <- conn.RemoteAddr().String()
			_, _ = conn.Read(make([]byte, 16)) // what is unread would make a reset of the end
			_, _ = conn.Write([]byte("welcome"))
			conn.Close()
		}
	}()
	return ln.Addr().String(), accepted
}

// dialAs connects from another process, as another user unless uid is 0.
func dialAs(t *testing.T, uid uint32, address string, env ...string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), append(env, "HELLOX_TEST_DIAL="+address)...)
	if uid != 0 {
		// The folder of the test is this user's alone.
		copied, err := os.CreateTemp("/tmp", "hellox-peer-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.Remove(copied.Name())
		text, err := os.ReadFile(self)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := copied.Write(text); err != nil {
			t.Fatal(err)
		}
		if err := copied.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(copied.Name(), 0o755); err != nil {
			t.Fatal(err)
		}
		cmd.Path, cmd.Dir = copied.Name(), "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestOnlyMine(t *testing.T) {
	if !canTell() {
		t.Skip("this kernel does not say whose a socket is")
	}
	for network, address := range map[string]string{"tcp4": "127.0.0.1:0", "tcp6": "[::1]:0"} {
		t.Run(network, func(t *testing.T) {
			addr, accepted := serve(t, network, address)
			if got := dialAs(t, 0, addr); got != `"welcome" <nil>` || len(accepted) != 1 {
				t.Errorf("this user's process gets %s, %d let in", got, len(accepted))
			}
			if os.Getuid() != 0 {
				t.Skip("only root can become another user")
			}
			if got := dialAs(t, stranger, addr); strings.Contains(got, "welcome") || !strings.Contains(got, "reset") {
				t.Errorf("another user gets %s", got)
			}
			// Who has closed is root to the kernel.
			if got := dialAs(t, stranger, addr, "HELLOX_TEST_CLOSE=1"); got != "closed" && !strings.Contains(got, "reset") {
				t.Errorf("another user gets %s", got)
			}
			if got := dialAs(t, 0, addr); got != `"welcome" <nil>` || len(accepted) != 2 {
				t.Errorf("afterwards this user's process gets %s, %d let in", got, len(accepted))
			}
		})
	}
}

// A socket that was closed is no one's, and another address with the same ports is
// another socket.
func TestSocketOwner(t *testing.T) {
	if !canTell() {
		t.Skip("this kernel does not say whose a socket is")
	}
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	conn, err := net.Dial("tcp4", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	local, remote := addrPort(conn.LocalAddr()), addrPort(conn.RemoteAddr())
	if uid, err := socketOwner(local, remote); err != nil || uid != uint32(os.Getuid()) {
		t.Errorf("user %d, %v", uid, err)
	}
	if _, err := socketOwner(addrPort(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 2), Port: int(local.Port())}), remote); err == nil {
		t.Error("a socket of another address is found")
	}
	if _, err := socketOwner(remote, addrPort(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1})); err == nil {
		t.Error("a listening socket passes for a connected one")
	}
	conn.Close()
	if uid, err := socketOwner(local, remote); err == nil {
		t.Errorf("closed, it is user %d's", uid)
	}
}
