package manifests

import (
	"fmt"
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// How broadcasters are spread over pods: up to MaxAlone each is a pod, of which a node
// takes about 100. Above, a pod runs a share of up to ShareSize: so many over TLS take
// most of the memory that it may.
const (
	MaxAlone  = 50
	ShareSize = 500 // stream.ShareSize: IDs and rights follow from it
)

// BroadcastTotal is the ConfigMap by which the pods know how many broadcasters they run
// together, and TotalKey its value.
const (
	BroadcastTotal = "broadcast"
	TotalKey       = "total"
)

// The ServiceAccounts of the broadcast pods. The broker knows by them whether a pod is
// one broadcaster or a share of them.
const (
	accountAlone = "broadcast"
	accountShare = "broadcasters"
)

// A Spread is how broadcasters are spread over pods.
type Spread struct {
	Pods    int
	Total   int // what BroadcastTotal says; 0: each pod is one
	Account string
}

// SpreadOf returns how n broadcasters are spread.
func SpreadOf(n int) Spread {
	if n <= MaxAlone {
		return Spread{Pods: n, Account: accountAlone}
	}
	return Spread{Pods: (n + ShareSize - 1) / ShareSize, Total: n, Account: accountShare}
}

// Shares reports whether pods run shares.
func (s Spread) Shares() bool { return s.Account == accountShare }

// SharesOf reports whether the pods of a StatefulSet run shares.
func SharesOf(statefulSet *unstructured.Unstructured) bool {
	account, _, _ := unstructured.NestedString(statefulSet.Object, "spec", "template", "spec", "serviceAccountName")
	return RunsShare(account)
}

// RunsShare reports whether a pod of hellox's under that ServiceAccount runs a share.
func RunsShare(account string) bool { return account == accountShare }

// Broadcasters returns the StatefulSet of the broadcasters among the objects, and how many
// they are; nil if there is none.
func Broadcasters(objects []*unstructured.Unstructured) (statefulSet *unstructured.Unstructured, n int) {
	statefulSet, total := broadcastersOf(objects)
	if statefulSet == nil {
		return nil, 0
	}
	if SharesOf(statefulSet) && total != nil {
		n, _ = TotalOf(total)
		return statefulSet, n
	}
	replicas, _, _ := unstructured.NestedInt64(statefulSet.Object, "spec", "replicas")
	return statefulSet, int(replicas)
}

// TotalOf returns what the ConfigMap BroadcastTotal says.
func TotalOf(configMap *unstructured.Unstructured) (int, error) {
	text, _, _ := unstructured.NestedString(configMap.Object, "data", TotalKey)
	return strconv.Atoi(text)
}

func broadcastersOf(objects []*unstructured.Unstructured) (statefulSet, total *unstructured.Unstructured) {
	for _, u := range objects {
		switch {
		case u.GetKind() == "StatefulSet" && u.GetName() == roleBroadcast:
			statefulSet = u
		case u.GetKind() == "ConfigMap" && u.GetName() == BroadcastTotal:
			total = u
		}
	}
	return statefulSet, total
}

// setBroadcasters spreads n broadcasters over the pods among the objects, if there are
// such. Those of an overlay of an older base, or under an account of the user's own, are
// one each.
func setBroadcasters(objects []*unstructured.Unstructured, n int, overlay string) error {
	statefulSet, total := broadcastersOf(objects)
	if statefulSet == nil {
		return nil
	}
	spread := SpreadOf(n)
	account, _, _ := unstructured.NestedString(statefulSet.Object, "spec", "template", "spec", "serviceAccountName")
	if total == nil || account != accountAlone && account != accountShare {
		if spread.Shares() {
			return &FolderError{
				Sentence: fmt.Sprintf("the broadcasters in %s cannot run shares of %d: they are not as the base of this hellox has them", overlay, n),
				hint:     fmt.Sprintf("hellox manifests --eject DIR writes it anew; or take at most %d", MaxAlone),
			}
		}
		return unstructured.SetNestedField(statefulSet.Object, int64(n), "spec", "replicas")
	}
	for _, err := range []error{
		unstructured.SetNestedField(total.Object, strconv.Itoa(spread.Total), "data", TotalKey),
		unstructured.SetNestedField(statefulSet.Object, int64(spread.Pods), "spec", "replicas"),
		unstructured.SetNestedField(statefulSet.Object, spread.Account, "spec", "template", "spec", "serviceAccountName"),
	} {
		if err != nil {
			return fmt.Errorf("spread %d broadcasters over pods: %w", n, err)
		}
	}
	return nil
}
