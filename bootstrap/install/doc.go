// Package install is the client for one installation: the objects of hellox in
// one namespace of a cluster.
//
//	                Installation (a namespace)
//	   ┌──────────┬──────────┬─┴────────┬───────────┬─────────┐
//	 Lock     inventory    Apply     Rollout      Status    Logs
//	(Lease)  (ConfigMap)   Clear        └── cause ──┘
//
// The inventory grows before objects are applied and shrinks after they are
// gone, so that a process that is killed leaves nothing that the next one does
// not find. Nothing is deleted that does not carry the installation's label.
//
// The order of the steps is that of package bootstrap. Which objects there are is
// described by package manifests.
package install
