package portforward

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"

	"hellox/bootstrap/kube"
)

// An apiStandIn is as much of an API server as forwards need: it lists and
// watches pods, and forwards to them over both protocols, as kubelets do.
type apiStandIn struct {
	t           *testing.T
	server      *httptest.Server
	noWebSocket bool          // it is of before Kubernetes 1.30
	silent      bool          // its watches tell nothing, as after a sleep, until they are restarted
	hangs       chan struct{} // if it is there, port-forwards are answered when it is closed
	hanging     atomic.Int32  // requests that wait for that, or are lost
	lost        atomic.Int32  // so many port-forwards from now on are never answered
	beside      atomic.Int32  // how many were hanging when one was answered

	mu       sync.Mutex
	version  int
	pods     map[string]*corev1.Pod
	targets  map[string]string // where the pod's port really is, by pod; none: refused
	changes  []change
	more     chan struct{} // closed and replaced with each change
	sessions map[httpstream.Connection]string
	inside   map[*net.TCPConn]string // connections to what runs in a pod
	dialed   map[string]int          // by protocol
}

type change struct {
	version int
	event   watch.Event
}

func newAPIStandIn(t *testing.T) *apiStandIn {
	a := &apiStandIn{
		t: t, pods: map[string]*corev1.Pod{}, targets: map[string]string{}, more: make(chan struct{}),
		sessions: map[httpstream.Connection]string{}, inside: map[*net.TCPConn]string{}, dialed: map[string]int{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/namespaces/press/pods", a.list)
	mux.HandleFunc("GET /api/v1/namespaces/press/pods/{pod}/portforward", a.overWebSocket)
	mux.HandleFunc("POST /api/v1/namespaces/press/pods/{pod}/portforward", a.overSPDY)
	a.server = httptest.NewServer(mux)
	t.Cleanup(func() {
		a.server.CloseClientConnections()
		a.mu.Lock()
		for s := range a.sessions {
			go s.Close()
		}
		a.mu.Unlock()
		a.server.Close()
	})
	return a
}

// forward forwards to the port of the pods of role receive.
func (a *apiStandIn) forward() *Forward {
	a.t.Helper()
	client, err := kube.New(kube.Config{Config: &rest.Config{Host: a.server.URL}})
	if err != nil {
		a.t.Fatal(err)
	}
	local, err := Port{}.Listen(a.t.Context())
	if err != nil {
		a.t.Fatal(err)
	}
	return Serve(client, Target{Namespace: "press", Selector: "role=receive", Role: "receive", Port: PortWeb}, local)
}

// set makes or alters a pod of role receive.
func (a *apiStandIn) set(name string, ready bool, target string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	kind := watch.Modified
	if a.pods[name] == nil {
		kind = watch.Added
	}
	a.version++
	status := corev1.ConditionFalse
	if ready {
		status = corev1.ConditionTrue
	}
	pod := &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: "press", UID: types.UID(name), ResourceVersion: fmt.Sprint(a.version),
			Labels: map[string]string{"role": "receive"},
		},
		Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: status}}},
	}
	a.pods[name], a.targets[name] = pod, target
	a.publish(kind, pod)
}

// remove deletes a pod and breaks what is connected to it. What runs in it is
// killed first: it has no last words.
func (a *apiStandIn) remove(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.version++
	pod := a.pods[name]
	pod.ResourceVersion = fmt.Sprint(a.version)
	delete(a.pods, name)
	a.publish(watch.Deleted, pod)
	for c, of := range a.inside {
		if of == name {
			c.SetLinger(0)
			c.Close()
		}
	}
	for s, of := range a.sessions {
		if of == name {
			go s.Close()
		}
	}
}

// publish wakes the watches. The caller holds a.mu.
func (a *apiStandIn) publish(kind watch.EventType, pod *corev1.Pod) {
	a.changes = append(a.changes, change{a.version, watch.Event{Type: kind, Object: pod.DeepCopy()}})
	close(a.more)
	a.more = make(chan struct{})
}

func (a *apiStandIn) list(w http.ResponseWriter, r *http.Request) {
	if r.FormValue("watch") != "" {
		a.watch(w, r)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	list := corev1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}}
	list.ResourceVersion = fmt.Sprint(a.version)
	for _, p := range a.pods {
		list.Items = append(list.Items, *p)
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(list)
}

func (a *apiStandIn) watch(w http.ResponseWriter, r *http.Request) {
	if r.FormValue("sendInitialEvents") == "true" {
		// An older server knows no list within a watch, and the client then
		// lists.
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnprocessableEntity)
		json.NewEncoder(w).Encode(metav1.Status{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
			Status:   metav1.StatusFailure, Reason: metav1.StatusReasonInvalid, Code: http.StatusUnprocessableEntity,
		})
		return
	}
	var seen int
	fmt.Sscan(r.FormValue("resourceVersion"), &seen)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	w.(http.Flusher).Flush()
	if a.silent {
		<-r.Context().Done()
		return
	}
	for {
		a.mu.Lock()
		more, changes := a.more, a.changes
		a.mu.Unlock()
		for _, c := range changes {
			if c.version > seen {
				seen = c.version
				json.NewEncoder(w).Encode(map[string]any{"type": c.event.Type, "object": c.event.Object})
			}
		}
		w.(http.Flusher).Flush()
		select {
		case <-more:
		case <-r.Context().Done():
			return
		}
	}
}

// gone answers a request for a pod that is not there any more. While the watches tell of
// that, what is left of a pod may be reached.
func (a *apiStandIn) gone(w http.ResponseWriter, r *http.Request) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.silent || a.pods[r.PathValue("pod")] != nil {
		return false
	}
	http.Error(w, "pods not found", http.StatusNotFound)
	return true
}

func (a *apiStandIn) overWebSocket(w http.ResponseWriter, r *http.Request) {
	if a.hangs != nil {
		a.hanging.Add(1)
		defer a.hanging.Add(-1)
		select {
		case <-a.hangs:
		case <-r.Context().Done(): // the client closed its connection
		}
		return
	}
	if a.lost.Add(-1) >= 0 {
		a.hanging.Add(1)
		defer a.hanging.Add(-1)
		<-r.Context().Done()
		return
	}
	a.beside.Store(a.hanging.Load())
	if a.gone(w, r) {
		return
	}
	if a.noWebSocket {
		http.Error(w, "unable to upgrade: tunneling spdy is not known here", http.StatusBadRequest)
		return
	}
	upgrader := gorilla.Upgrader{Subprotocols: []string{"SPDY/3.1+" + portforward.PortForwardProtocolV1Name}}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	streams := make(chan httpstream.Stream, 2)
	conn, err := spdy.NewServerConnection(portforward.NewTunnelingConnection("server", ws), accept(streams))
	if err != nil {
		ws.Close()
		return
	}
	a.serve("WebSocket", r.PathValue("pod"), conn, streams)
}

func (a *apiStandIn) overSPDY(w http.ResponseWriter, r *http.Request) {
	if a.gone(w, r) {
		return
	}
	w.Header().Set(httpstream.HeaderProtocolVersion, portforward.PortForwardProtocolV1Name)
	streams := make(chan httpstream.Stream, 2)
	conn := spdy.NewResponseUpgrader().UpgradeResponse(w, r, accept(streams))
	if conn != nil {
		a.serve("SPDY", r.PathValue("pod"), conn, streams)
	}
}

func accept(streams chan<- httpstream.Stream) httpstream.NewStreamHandler {
	return func(s httpstream.Stream, replied <-chan struct{}) error {
		streams <- s
		return nil
	}
}

// serve forwards one connection, which is all that our sessions carry.
func (a *apiStandIn) serve(protocol, pod string, conn httpstream.Connection, streams <-chan httpstream.Stream) {
	a.mu.Lock()
	a.dialed[protocol]++
	a.sessions[conn] = pod
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		delete(a.sessions, conn)
		a.mu.Unlock()
		conn.Close()
	}()
	var problems, data httpstream.Stream
	for problems == nil || data == nil {
		select {
		case s := <-streams:
			if s.Headers().Get(corev1.StreamType) == corev1.StreamTypeError {
				problems = s
			} else {
				data = s
			}
		case <-conn.CloseChan():
			return
		}
	}
	if inside, err := a.enter(pod); err != nil {
		fmt.Fprint(problems, err)
	} else {
		join(data, inside)
		a.mu.Lock()
		delete(a.inside, inside)
		a.mu.Unlock()
	}
	problems.Close()
	data.Close()
	<-conn.CloseChan()
}

// enter connects to the pod's port.
func (a *apiStandIn) enter(pod string) (*net.TCPConn, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.targets[pod] == "" {
		return nil, errors.New("connect: connection refused")
	}
	c, err := net.Dial("tcp", a.targets[pod])
	if err != nil {
		return nil, err
	}
	inside := c.(*net.TCPConn)
	a.inside[inside] = pod
	return inside, nil
}

// join copies between the stream and the pod's port.
func join(data httpstream.Stream, inside *net.TCPConn) {
	defer inside.Close()
	go func() {
		io.Copy(inside, data)
		inside.CloseWrite()
	}()
	io.Copy(data, inside)
}

// echoServer sends back what it receives, and then how it ended: what a
// connection that was closed in one direction can still hear.
func echoServer(t *testing.T, name string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if n, err := io.Copy(c, c); err == nil {
					fmt.Fprintf(c, " (%s heard %d)", name, n)
				}
			}()
		}
	}()
	return ln.Addr().String()
}

// exchange sends what through the forward, ends its side and returns the answer.
func exchange(f *Forward, what string) (string, error) {
	c, err := net.Dial("tcp", f.Addr())
	if err != nil {
		return "", err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(c, what); err != nil {
		return "", err // a reset is reported once, to the first call
	}
	c.(*net.TCPConn).CloseWrite()
	answer, err := io.ReadAll(c)
	return string(answer), err
}

func isReset(err error) bool {
	return err != nil && strings.Contains(err.Error(), "reset")
}
