package step

// Reporter is told how Up, Down and Scale get on, one step at a time, so that a
// caller can show it to a person or write it as events. Its methods are called
// from one goroutine.
type Reporter interface {
	// Begin says that the step called name is under way: one of this package's
	// constants.
	Begin(name string)
	// Progress says in a few words how far the step is.
	Progress(detail string)
	// Done ends the step with what it did or found. unchanged: there was
	// nothing to do.
	Done(text string, unchanged bool)
	// Fail ends the step with what stopped it; the same error is returned.
	Fail(err error)
	// Note says something that is no step, between two of them or within one.
	Note(text string)
}

// The names of the steps, in the order of an up, then those of a down.
const (
	Cluster       = "cluster"
	Image         = "image"
	Load          = "nodes"
	Apply         = "apply"
	Rollout       = "roll-out"
	Forward       = "forward"
	Remove        = "remove"
	Unload        = "images"
	Namespace     = "namespace"
	DeleteCluster = "delete cluster"
)
