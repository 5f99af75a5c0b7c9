package live

import "container/heap"

// A dueHeap holds the senders whose state time alone will change, the soonest
// first.
type dueHeap []*sender

func (h *dueHeap) push(s *sender)   { heap.Push((*dueOrder)(h), s) }
func (h *dueHeap) fix(s *sender)    { heap.Fix((*dueOrder)(h), s.heap) }
func (h *dueHeap) remove(s *sender) { heap.Remove((*dueOrder)(h), s.heap) }

// dueOrder is a dueHeap as container/heap sees it.
type dueOrder []*sender

func (h dueOrder) Len() int           { return len(h) }
func (h dueOrder) Less(i, j int) bool { return h[i].due.Before(h[j].due) }

func (h dueOrder) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].heap, h[j].heap = i, j
}

func (h *dueOrder) Push(x any) {
	s := x.(*sender)
	s.heap = len(*h)
	*h = append(*h, s)
}

func (h *dueOrder) Pop() any {
	old := *h
	s := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	s.heap = -1
	return s
}
