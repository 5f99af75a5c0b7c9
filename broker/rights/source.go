package rights

import "net/netip"

// SourceOf returns the address of a client, given with or without a port, without its
// port; of IPv6 the network of 64 bits, of which one client may have every address.
func SourceOf(address string) string {
	var ip netip.Addr
	if at, err := netip.ParseAddrPort(address); err == nil {
		ip = at.Addr()
	} else if ip, err = netip.ParseAddr(address); err != nil {
		return address
	}
	ip = ip.Unmap()
	if ip.Is4() {
		return ip.String()
	}
	network, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return ip.String()
	}
	return network.String()
}
