package kube

import (
	"context"

	"k8s.io/klog/v2"
)

// WithoutKlog keeps client-go from logging: what goes wrong is returned or tried
// again, and a terminal is no place for its log.
func WithoutKlog(ctx context.Context) context.Context {
	return klog.NewContext(ctx, klog.Logger{})
}
