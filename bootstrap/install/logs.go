package install

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"hellox/bootstrap/kube"
	"hellox/bootstrap/step"
)

// LogOptions configures Logs.
type LogOptions struct {
	Namespace string
	Role      string // broker, broadcast or receive; "": every role
	Follow    bool   // continue with new lines, also of pods that are created later
	Previous  bool   // of the container before the last restart
	Tail      int64  // only the last lines of each pod; below 0: all
}

// A LogLine is one line that a pod logged, without its line end. Its text may
// hold any bytes and must be made safe before it is shown.
type LogLine struct {
	Pod  string `json:"pod"`
	Role string `json:"role"`
	Text string `json:"text"`
}

// Logs calls line with each line of the pods' logs, from one goroutine at a
// time; the lines of one pod come in order. It ends with the first error of
// line.
func Logs(ctx context.Context, config kube.Config, o LogOptions, line func(LogLine) error) error {
	ctx = kube.WithoutKlog(ctx)
	inst, err := New(config, o.Namespace)
	if err != nil {
		return err
	}
	selector := inst.Selector() + "," + roleLabel
	if o.Role != "" {
		selector += "=" + o.Role
	}
	logs := logReader{inst: inst, options: o, line: line}
	if o.Follow {
		return logs.follow(ctx, selector)
	}
	list, err := inst.in(kube.Pods).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return fmt.Errorf("list the pods in namespace %s: %w", inst.Namespace, err)
	}
	if len(list.Items) == 0 {
		return NoPods(inst, o.Role)
	}
	slices.SortFunc(list.Items, kube.ByName)
	found := false
	for i := range list.Items {
		pod, err := kube.PodOf(&list.Items[i])
		if err != nil {
			return err
		}
		err = logs.pod(ctx, pod, line)
		if o.Previous && apierrors.IsBadRequest(err) {
			continue // it was not restarted
		}
		if err != nil {
			return err
		}
		found = true
	}
	if !found {
		return &step.Error{
			Sentence: "no container of " + cmp.Or(o.Role, "hellox") + " was restarted, so there is no previous log",
			Hint:     inst.commands.Hellox(strings.TrimSpace("logs " + o.Role)),
		}
	}
	return nil
}

// NoPods is the error of an installation without pods of role; "" is any role.
func NoPods(inst *Installation, role string) error {
	return &step.Error{
		Kind:     step.Missing,
		Sentence: fmt.Sprintf("there are no pods of %s in namespace %s", cmp.Or(role, "hellox"), inst.Namespace),
		Hint:     inst.commands.Hellox("status"),
	}
}

// A logReader calls line with the lines of an installation's logs.
type logReader struct {
	inst    *Installation
	options LogOptions
	line    func(LogLine) error
}

// follow follows the logs of all pods, also of those created later.
func (r logReader) follow(ctx context.Context, selector string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel(nil)

	changed := make(chan struct{}, 1)
	m := kube.NewInformer(changed)
	running.Go(func() { m.Run(ctx, r.inst.in(kube.Pods), selector) })

	var mu sync.Mutex
	locked := func(l LogLine) error {
		mu.Lock()
		defer mu.Unlock()
		return r.line(l)
	}
	// A container's log ends with it; the one after a restart is another.
	following := map[string]bool{}
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		}
		for _, u := range m.All() {
			pod, err := kube.PodOf(u)
			if err != nil {
				return err
			}
			for _, c := range pod.Status.ContainerStatuses {
				if c.State.Running == nil || following[c.ContainerID] {
					continue
				}
				following[c.ContainerID] = true
				running.Go(func() {
					if err := r.pod(ctx, pod, locked); err != nil && !apierrors.IsNotFound(err) {
						cancel(err)
					}
				})
			}
		}
	}
}

// pod calls line with the log of a pod's first container, the role's own.
func (r logReader) pod(ctx context.Context, pod *corev1.Pod, line func(LogLine) error) error {
	request := podLog(r.inst, pod.Name, pod.Spec.Containers[0].Name, r.options)
	stream, err := request.Stream(ctx)
	if err != nil {
		return fmt.Errorf("read the log of pod %s: %w", pod.Name, err)
	}
	defer stream.Close()
	lines := bufio.NewReaderSize(stream, 64<<10)
	for {
		// A line longer than the buffer comes in pieces, so that memory is
		// bounded.
		text, err := lines.ReadSlice('\n')
		if len(text) > 0 {
			if text[len(text)-1] == '\n' {
				text = text[:len(text)-1]
			}
			if err := line(LogLine{Pod: pod.Name, Role: pod.Labels[roleLabel], Text: string(text)}); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull), err == nil:
		case errors.Is(err, io.EOF):
			return nil
		default:
			return fmt.Errorf("read the log of pod %s: %w", pod.Name, err)
		}
	}
}

// podLog is the request for one container's log.
func podLog(inst *Installation, pod, container string, o LogOptions) *rest.Request {
	r := inst.client.REST.Get().AbsPath("/api/v1/namespaces", inst.Namespace, "pods", pod, "log").Param("container", container)
	if o.Follow {
		r.Param("follow", "true")
	}
	if o.Previous {
		r.Param("previous", "true")
	}
	if o.Tail >= 0 {
		r.Param("tailLines", strconv.FormatInt(o.Tail, 10))
	}
	return r
}
