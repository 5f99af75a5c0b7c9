package step

// Reporter receives the progress of Up, Down and Scale, one step at a time, to
// show it to a user or to write it as events. Its methods are called from one
// goroutine, but Progress from any.
type Reporter interface {
	// Begin starts the step called name: one of this package's constants.
	Begin(name string)
	// Progress describes in a few words how far the step is.
	Progress(detail string)
	// Done ends the step with what it did or found. unchanged reports that there
	// was nothing to do.
	Done(text string, unchanged bool)
	// Fail ends the step with the error that stopped it, which is also returned
	// to the caller.
	Fail(err error)
	// Warn reports what is wrong while the step goes on, and may heal.
	Warn(text string)
	// Note reports something else, between two steps or within one.
	Note(text string)
}

// The names of the steps, in the order of an up, then those of a down.
const (
	Cluster       = "cluster"
	Image         = "image"
	Build         = "build"
	Load          = "nodes"
	Move          = "move" // to another cluster size
	Apply         = "apply"
	Rollout       = "roll-out"
	Certificates  = "certificates"
	Forward       = "forward"
	Remove        = "remove"
	Unload        = "images"
	Namespace     = "namespace"
	Volumes       = "volumes"
	DeleteCluster = "delete cluster"
)
