// Package enrol is how certificates come to their holders: HTTP with JSON bodies, over TLS without client certificates
// and over a unix socket of the server's machine.
//
//	POST /v1/enrol  {"token", "csr"}  -> {"identity", "cert", "ca"}   who has a one-time token
//	POST /v1/renew  {"cert", "csr"}   -> {"identity", "cert"}         who has a certificate that is not too old, and its key
//	POST /v1/local  {"csr"}           -> {"identity", "cert", "ca"}   on the socket only: whoever the kernel says it is
//
// Requests for certificates ("csr") and certificates are PEM. What is refused is answered with a status of 4xx and {"error"}. Nobody
// says who they are: the token, the old certificate or the kernel does.
//
// What strangers can do is bounded: the size and time of a request, the connections of one address or user and of all, and how often
// one of them, and all of the network together, may fail. No token and no request is ever logged.
package enrol
