package peer

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// The parts of linux/inet_diag.h that are used, in bytes.
const (
	byFamily     = 20 // SOCK_DIAG_BY_FAMILY
	requestSize  = 56 // inet_diag_req_v2
	idSize       = 48 // inet_diag_sockid, 8 bytes into the request and 4 into the answer
	answerSize   = 72 // inet_diag_msg
	answerUID    = 64
	answerInode  = 68
	cookieOffset = 40 // in the id
)

var errNotFound = errors.New("there is no such socket")

// socketOwner returns the user of the TCP socket that is connected from local to remote,
// in the namespace of networks of this process. The kernel is asked for this one socket:
// the libraries that know this protocol ask for all that have these ports and take the
// first, which can be one of another address.
func socketOwner(local, remote netip.AddrPort) (uid uint32, err error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	wait := unix.NsecToTimeval(int64(time.Second))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		return 0, err
	}
	id := socketID(local, remote)
	if err := unix.Sendto(fd, request(local, id), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, err
	}
	buffer := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, buffer, 0)
	if err != nil {
		return 0, err
	}
	return parse(buffer[:n], id)
}

// socketID is the id of a socket in requests and answers, without the index of an
// interface, and with any cookie.
func socketID(local, remote netip.AddrPort) []byte {
	id := make([]byte, idSize)
	binary.BigEndian.PutUint16(id, local.Port())
	binary.BigEndian.PutUint16(id[2:], remote.Port())
	copy(id[4:20], local.Addr().AsSlice())
	copy(id[20:36], remote.Addr().AsSlice())
	for i := cookieOffset; i < idSize; i++ {
		id[i] = 0xff
	}
	return id
}

func request(local netip.AddrPort, id []byte) []byte {
	const header = unix.NLMSG_HDRLEN
	r := make([]byte, header+requestSize)
	native := binary.NativeEndian
	native.PutUint32(r, uint32(len(r)))
	native.PutUint16(r[4:], byFamily)
	native.PutUint16(r[6:], unix.NLM_F_REQUEST)
	r[header] = unix.AF_INET
	if local.Addr().Is6() {
		r[header] = unix.AF_INET6
	}
	r[header+1] = unix.IPPROTO_TCP
	native.PutUint32(r[header+4:], 0xffffffff) // in any state
	copy(r[header+8:], id)
	return r
}

// parse reads an answer. A listening socket, which the kernel takes for want of a
// connected one, has no remote port. A socket that its process has closed has no inode,
// and root for its user, of whichever user it was.
func parse(answer, id []byte) (uid uint32, err error) {
	const header = unix.NLMSG_HDRLEN
	native := binary.NativeEndian
	if len(answer) < header {
		return 0, errNotFound
	}
	kind, body := native.Uint16(answer[4:]), answer[header:]
	if kind == unix.NLMSG_ERROR && len(body) >= 4 {
		if code := int32(native.Uint32(body)); code != 0 && unix.Errno(-code) != unix.ENOENT {
			return 0, unix.Errno(-code)
		}
		return 0, errNotFound
	}
	if kind != byFamily || len(body) < answerSize || string(body[4:4+36]) != string(id[:36]) || native.Uint32(body[answerInode:]) == 0 {
		return 0, errNotFound
	}
	return native.Uint32(body[answerUID:]), nil
}

// canTell reports whether the kernel knows a socket of this process.
var canTell = sync.OnceValue(func() bool {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return false
	}
	defer ln.Close()
	conn, err := net.DialTimeout("tcp4", ln.Addr().String(), time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	uid, err := socketOwner(addrPort(conn.LocalAddr()), addrPort(conn.RemoteAddr()))
	return err == nil && uid == uint32(os.Getuid())
})

// isMine reports whether the other end of a connection is a socket of this user or of
// root.
func isMine(conn net.Conn) bool {
	uid, err := socketOwner(addrPort(conn.RemoteAddr()), addrPort(conn.LocalAddr()))
	return err == nil && (uid == 0 || uid == uint32(os.Getuid()))
}

func addrPort(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok {
		p := tcp.AddrPort()
		return netip.AddrPortFrom(p.Addr().Unmap().WithZone(""), p.Port())
	}
	return netip.AddrPort{}
}
