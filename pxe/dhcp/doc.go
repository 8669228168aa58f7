// Package dhcp tells machines that start from the network what to boot (PXE specification 2.1; RFC 2131, RFC 4578), and, where the site has
// no other server, their addresses.
//
// What is answered is a pure function of the request and the site (Site.Answer); Start is the sockets around it. A machine that is not
// known by its hardware address gets no answer: there is no range of free addresses. It is as safe as the network it is on, as DHCP is.
package dhcp
