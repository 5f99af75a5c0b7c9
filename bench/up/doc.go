// Command up measures what `hellox up` costs, on a kind cluster that is there:
//
//	go -C bench run ./up --cluster NAME
//
// It needs docker, kind and kubectl on the PATH and a cluster in the
// kubeconfig, brings hellox up in namespace hellox-bench and, for comparison,
// the same program by docker build, kind load, kubectl apply and kubectl
// rollout status in namespace hellox-usual, and removes both at the end. The
// table on stdout holds the median of the rounds, with the fastest and the
// slowest beside it; nothing is asserted.
//
// With --tls it measures what TLS and identities cost instead: first up, up without
// change and a changed program, by turns with the component plain.
//
// With --skaffold PATH it also brings the same programs up with skaffold, in
// namespace hellox-skaffold. v2.16.1 builds with go build ./cmd/skaffold in a
// copy of its module; go install refuses its replace directives.
package main
