// Package bootstraptest holds what the tests of bootstrap and of the packages
// below it share. Only tests import it.
//
//	Laptop ─ PATH ──► test executable as minikube, docker, …: plays testdata
//	  ├── API ──────► APIServer: answers with nodes, over TLS
//	  └── Dockerd ──► a real Docker daemon in the place of minikube's
//
// testdata/README.md says where the recordings come from.
package bootstraptest
