// Package lab is a room of real machines without hardware: QEMU machines with their firmware, disks and serial consoles,
// a BMC for each that speaks IPMI and Redfish, a network that they boot from, and DHCP servers. It needs root and the
// Debian packages that Check names, but no KVM.
//
// A Lab has two network namespaces (internal/netlab). In that of the switch run the machines, their BMCs and what the site
// brings (DHCP); the other, the server's, is empty: the system under test has every port of it. There is no way out of
// either. Addresses: server 10.83.0.1, switch 10.83.255.1, machine i 10.83.1.i, its BMC 10.83.2.i.
//
//	SERVER (eth0 10.83.0.1) ---- br0 ---- tap ---- node-1 10.83.1.1
//	                              |   `-- tap ---- node-2 10.83.1.2
//	              ipmi_sim and Redfish 10.83.2.i, dnsmasq 10.83.255.1
//
// A machine is a directory: its specification, disk, console log and sockets. Whoever switches its power takes the lock in
// it, so that ipmi_sim's chassis program and the Redfish service, which are this very program started again (see
// PlayRole), and the Lab itself do not get into one another's way. Its serial cable leads from QEMU to ipmi_sim.
//
// Everything a killed lab leaves carries the name of its process and is removed by its watcher, a process that lives for that; what is left
// when that was killed, too, by the next New, or by Clean.
package lab
