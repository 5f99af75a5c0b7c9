package bootstrap_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"hellox/bootstrap"
	"hellox/bootstrap/cluster"
	"hellox/bootstrap/install"
	"hellox/bootstrap/kind"
	"hellox/bootstrap/kube"
	"hellox/bootstrap/run"
	"hellox/bootstrap/run/runtest"
	"hellox/bootstrap/step"
)

// A victim configures the process that is killed.
type victim struct {
	Namespace, Program          string
	Down                        bool
	Profile, StateDir, CacheDir string
}

const victimVar = "HELLOX_TEST_VICTIM"

// TestVictim is not a test: it is the process that testKilled kills. It says
// each step on stdout as it begins and ends.
func TestVictim(t *testing.T) {
	text := os.Getenv(victimVar)
	if text == "" {
		t.Skip("run by TestKindUpAndDown/killed only")
	}
	var v victim
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	r := &rig{find: realCluster{
		find: cluster.FindOptions{Target: kind.Target, Profile: v.Profile},
		make: bootstrap.ProviderOptions{Runner: run.New(os.Environ()), StateDir: v.StateDir, CacheDir: v.CacheDir},
	}}
	steps := newRecorder(t)
	steps.onBegin = func(step string) { fmt.Println("step", step) }
	if v.Down {
		r.cluster = ready(t, r.find)
		fmt.Println("step ready")
		if err := bootstrap.Down(t.Context(), r.cluster, bootstrap.DownOptions{Namespace: v.Namespace, Holder: "the victim"}, steps); err != nil {
			t.Fatal(err)
		}
	} else {
		if err := r.options(t, v.Namespace, v.Program).up(t.Context(), steps); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Println("step end")
}

// testKilled kills up and down with SIGKILL, each at a step's beginning or some
// time after, and asks that the next one ends as if nothing had happened.
func testKilled(t *testing.T, r *rig) {
	rounds := 3
	if s := os.Getenv("HELLOX_E2E_KILLS"); s != "" {
		var err error
		if rounds, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	const namespace = "hellox-killed"
	inst := r.installation(t, namespace)
	r.down(t, bootstrap.DownOptions{Namespace: namespace})
	random := rand.New(rand.NewPCG(1, 2))
	moments := []struct {
		step  string
		first bool // of an installation that is not there yet
	}{
		{step.Apply, true}, {step.Rollout, false}, {step.Load, true}, {step.Rollout, true},
		{step.Image, true}, {step.Load, false}, {step.Apply, false}, {step.Image, false},
	}

	ended := 0
	for i := range rounds {
		at := moments[i%len(moments)]
		if at.first {
			r.down(t, bootstrap.DownOptions{Namespace: namespace})
		}
		v := victim{Namespace: namespace, Program: r.programs[i/2%2]}
		kill(t, r, v, at.step, delay(random))
		here, _ := up(t, r.options(t, namespace, v.Program))
		if got, want := page(t, here.Web, "/"), fmt.Sprintf("version %d", i/2%2); got != want {
			t.Errorf("round %d: the page says %q, want %q", i, got, want)
		}
		here.Close()
		if strangers, err := install.ForeignObjects(t.Context(), inst.Installation); err != nil || len(strangers) > 0 {
			t.Errorf("round %d: without our mark: %v (%v)", i, strangers, err)
		}
		ended++
	}
	t.Logf("up killed %d times, and %d times the next one ended running", rounds, ended)

	ended = 0
	for i := range rounds {
		here, _ := up(t, r.options(t, namespace, r.programs[0]))
		here.Close()
		for n := range 10 {
			plant(t, inst, fmt.Sprintf("planted-%d", n))
		}
		kill(t, r, victim{Namespace: namespace, Down: true}, []string{"ready", step.Remove, step.Remove, step.Unload}[i%4], delay(random)*4)
		r.down(t, bootstrap.DownOptions{Namespace: namespace})
		strangers, err := install.ForeignObjects(t.Context(), inst.Installation)
		if err != nil || len(strangers) != 10 {
			t.Errorf("round %d: of 10 objects of somebody else's these are there: %v (%v)", i, strangers, err)
		}
		ours, err := inst.In(kube.Claims).List(t.Context(), metav1.ListOptions{})
		if err != nil || len(ours.Items) > 0 {
			t.Errorf("round %d: volume claims left: %d (%v)", i, len(ours.Items), err)
		}
		for n := range 10 {
			if err := inst.In(kube.ConfigMaps).Delete(t.Context(), fmt.Sprintf("planted-%d", n), metav1.DeleteOptions{}); err != nil {
				t.Errorf("round %d: %v", i, err)
			}
		}
		ended++
	}
	t.Logf("down killed %d times, and %d times the next one left nothing", rounds, ended)
	r.down(t, bootstrap.DownOptions{Namespace: namespace})
}

func delay(random *rand.Rand) time.Duration {
	return time.Duration(random.IntN(200)) * time.Millisecond
}

// kill runs v in a process of its own and kills it some time after a step has
// begun, unless it has ended before.
func kill(t *testing.T, r *rig, v victim, step string, after time.Duration) {
	t.Helper()
	v.Profile, v.StateDir, v.CacheDir = r.find.find.Profile, r.find.make.StateDir, r.find.make.CacheDir
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestVictim$", "-test.v")
	cmd.Env = append(os.Environ(), victimVar+"="+string(text))
	runtest.Bind(cmd)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if line := strings.TrimSpace(lines.Text()); line == "step "+step || line == "step end" {
			time.Sleep(after) // the moment of the kill, not a wait for something
			break
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
	}
	_ = cmd.Wait() // it was killed
	t.Logf("killed %s after the beginning of %s", after, step)
}
