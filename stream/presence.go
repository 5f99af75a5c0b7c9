package stream

// Presence is what a broadcaster leaves, retained, on its presence topic.
type Presence struct {
	State string `json:"state"` // here, gone or lost
	Boot  string `json:"boot"`
}
