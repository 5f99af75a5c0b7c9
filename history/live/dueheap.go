package live

import "container/heap"

// A dueHeap holds the senders whose state will change by time alone, the
// soonest first.
type dueHeap []*senderState

func (h *dueHeap) push(s *senderState)   { heap.Push((*dueOrder)(h), s) }
func (h *dueHeap) fix(s *senderState)    { heap.Fix((*dueOrder)(h), s.heap) }
func (h *dueHeap) remove(s *senderState) { heap.Remove((*dueOrder)(h), s.heap) }

// dueOrder is a dueHeap as container/heap sees it.
type dueOrder []*senderState

func (h dueOrder) Len() int           { return len(h) }
func (h dueOrder) Less(i, j int) bool { return h[i].due.Before(h[j].due) }

func (h dueOrder) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].heap, h[j].heap = i, j
}

func (h *dueOrder) Push(x any) {
	s := x.(*senderState)
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
