package nats

// WaitEnded waits until nothing of the node runs any more, which Serve does only so long:
// another one may then use its folder and ports in this process.
func (n *Node) WaitEnded() { n.server.WaitForShutdown() }
