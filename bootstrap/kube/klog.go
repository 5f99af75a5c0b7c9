package kube

import (
	"context"

	"k8s.io/klog/v2"
)

// WithoutKlog returns a context with which client-go does not log: its errors are
// returned or retried, and its log would disturb the terminal.
func WithoutKlog(ctx context.Context) context.Context {
	return klog.NewContext(ctx, klog.Logger{})
}
