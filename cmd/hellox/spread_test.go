package main

import (
	"testing"

	"hellox/manifests"
	"hellox/stream"
)

// The manifests spread broadcasters over pods as the pods and the broker count them.
func TestShareSizeIsOne(t *testing.T) {
	if manifests.ShareSize != stream.ShareSize {
		t.Errorf("the manifests give a pod %d, and it takes %d", manifests.ShareSize, stream.ShareSize)
	}
	last, err := stream.ShareOf("broadcast-19", maxLocal)
	if pods := manifests.SpreadOf(maxLocal).Pods; err != nil || pods != 20 || last.First+last.Count != maxLocal {
		t.Errorf("%d pods run %d, the last of them up to %d (%v)", pods, maxLocal, last.First+last.Count, err)
	}
}
