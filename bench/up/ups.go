package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hellox/history/remote"
)

// firstUps measures up on a cluster that holds neither pods nor image.
func (b *bench) firstUps(ctx context.Context) error {
	var times []float64
	for range b.rounds {
		if err := b.down(ctx); err != nil {
			return err
		}
		fmt.Fprintln(os.Stderr, "first up")
		_, took, err := b.up(ctx, b.programs[0])
		if err != nil {
			return err
		}
		times = append(times, took.Seconds())
	}
	b.figures.add("first up on an empty cluster", "s", "< 20", times...)
	return nil
}

// idleUps measures up where there is nothing to do, also step by step.
func (b *bench) idleUps(ctx context.Context) error {
	var times []float64
	steps := newParts()
	for range b.rounds {
		fmt.Fprintln(os.Stderr, "up with nothing changed")
		events, took, err := b.up(ctx, b.programs[0])
		if err != nil {
			return err
		}
		times = append(times, took.Seconds())
		steps.addDone(events)
	}
	b.figures.add("up with nothing changed", "s", "< 0.35", times...)
	steps.figures("nothing changed: ", &b.figures)
	return nil
}

// changedUps measures up with a changed program until a message of the new
// broadcaster is in the history, and, in turns with it, the usual way to the
// end of the roll-out, both also step by step.
func (b *bench) changedUps(ctx context.Context) error {
	if err := b.usualWay(ctx, b.programs[0], 0, newParts()); err != nil { // once before, unmeasured
		return err
	}
	var ups, seen, usually, shares []float64
	steps, tools := newParts(), newParts()
	for i, program := range b.programs[1:] {
		fmt.Fprintln(os.Stderr, "up with a changed program")
		boot, err := b.boot(ctx)
		if err != nil {
			return err
		}
		began := time.Now()
		heard := make(chan error, 1)
		var after time.Duration
		go func() { // up goes on after the first message: it clears old images
			heard <- b.awaitBoot(ctx, boot)
			after = time.Since(began)
			close(heard)
		}()
		events, took, err := b.up(ctx, program)
		if err != nil {
			return err
		}
		steps.addDone(events)
		if err := <-heard; err != nil {
			return err
		}
		<-heard
		ups, seen = append(ups, took.Seconds()), append(seen, after.Seconds())
		began = time.Now()
		if err := b.usualWay(ctx, program, i+1, tools); err != nil {
			return err
		}
		usually = append(usually, time.Since(began).Seconds())
		fmt.Fprintf(os.Stderr, "  until seen %.1f s, the usual way %.1f s\n", seen[i], usually[i])
		shares = append(shares, seen[i]/usually[i])
	}
	b.figures.add("up with a changed program", "s", "", ups...)
	b.figures.add("the same until a message of the new pods is seen", "s", "< 6", seen...)
	steps.figures("changed program: ", &b.figures)
	b.figures.add("docker build, kind load, kubectl apply and rollout status", "s", "", usually...)
	b.figures.add("share of that which hellox takes until seen", "", "<= 0.8", shares...)
	tools.figures("the usual way: ", &b.figures)
	return nil
}

// awaitBoot returns once a broadcaster was heard that started after that boot. It asks
// over one connection for as long as that stands: a new one for each question would keep
// the API server, the kubelet and the runtime busy while the pods are replaced.
func (b *bench) awaitBoot(ctx context.Context, boot string) error {
	var client *remote.Client
	defer func() {
		if client != nil {
			_ = client.Close()
		}
	}()
	for began := time.Now(); time.Since(began) < 2*time.Minute; time.Sleep(20 * time.Millisecond) {
		var err error
		if client == nil {
			if client, err = remote.Open(ctx, b.page); err != nil {
				client = nil
				continue
			}
		}
		now, err := bootOf(ctx, client)
		switch {
		case err != nil:
			_ = client.Close()
			client = nil
		case now != "" && now != boot:
			return nil
		}
	}
	return fmt.Errorf("no message of the new broadcaster in two minutes")
}

// usualWay brings the same program to the same cluster with the usual tools.
func (b *bench) usualWay(ctx context.Context, program string, round int, tools *parts) error {
	image := fmt.Sprintf("hellox.bench/hellox:%d-%d", os.Getpid(), round)
	folder := filepath.Join(b.dir, "image")
	if err := dockerFolder(folder, program); err != nil {
		return err
	}
	manifests, err := b.manifests(ctx, program, usual, image)
	if err != nil {
		return err
	}
	began := time.Now()
	done := func(tool string) {
		tools.add(tool, time.Since(began).Seconds())
		began = time.Now()
	}
	if _, err := output(b.command(ctx, "docker", "build", "-q", "-t", image, folder)); err != nil {
		return err
	}
	done("docker build")
	defer output(b.command(context.WithoutCancel(ctx), "docker", "rmi", image))
	if _, err := output(b.command(ctx, "kind", "load", "docker-image", "--name", b.cluster, image)); err != nil {
		return err
	}
	done("kind load")
	apply := b.kubectl(ctx, "apply", "-f", "-")
	apply.Stdin = strings.NewReader(manifests)
	if _, err := output(apply); err != nil {
		return err
	}
	done("kubectl apply")
	for _, workload := range []string{"statefulset/broker", "deployment/receive", "statefulset/broadcast"} {
		if _, err := output(b.kubectl(ctx, "-n", usual, "rollout", "status", workload, "--timeout", "2m")); err != nil {
			return err
		}
	}
	done("kubectl rollout status")
	return nil
}

// plainKustomization is the base without TLS.
const plainKustomization = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [base]\ncomponents: [components/plain]\n"

// manifests returns those of the program for other tools. None of them makes the
// broker's certificate as up does: it is without TLS there.
func (b *bench) manifests(ctx context.Context, program, namespace, image string) (string, error) {
	dir, err := os.MkdirTemp(b.dir, "manifests-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	overlay := filepath.Join(dir, "overlay")
	if _, err := output(b.command(ctx, program, "manifests", "--eject", overlay)); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(overlay, "kustomization.yaml"), []byte(plainKustomization), 0o600); err != nil {
		return "", err
	}
	return output(b.command(ctx, program, "manifests", "--kustomize", overlay, "--namespace", namespace, "--image", image))
}

// dockerFolder makes the folder that docker builds the program's image of.
func dockerFolder(folder, program string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	// A link in the place of a copy, so that only the tools' own work counts.
	inside := filepath.Join(folder, "hellox")
	if err := os.Remove(inside); err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := os.Link(program, inside); err != nil {
		return err
	}
	dockerfile := "FROM scratch\nCOPY hellox /hellox\nUSER 65532:65532\nENTRYPOINT [\"/hellox\"]\n"
	return os.WriteFile(filepath.Join(folder, "Dockerfile"), []byte(dockerfile), 0o600)
}

// boot is the start of which the broadcaster was last heard.
func (b *bench) boot(ctx context.Context) (string, error) {
	client, err := remote.Open(ctx, b.page)
	if err != nil {
		return "", err
	}
	defer client.Close()
	return bootOf(ctx, client)
}

func bootOf(ctx context.Context, client *remote.Client) (string, error) {
	senders, err := client.Senders(ctx)
	if err != nil {
		return "", err
	}
	for _, s := range senders {
		if s.Sender == "broadcast-0" {
			return s.Boot, nil
		}
	}
	return "", nil
}
