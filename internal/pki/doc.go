// Package pki is the certificate authority of one kadeploy server, and the wallets of those who are certified by it.
//
// A certificate says one thing: an [Identity], in its only URI, such as ka://user/alice. No other field of it is ever looked at,
// and what a request for a certificate says about names is ignored: names come from whoever vouches for the caller, which
// is a one-time token ([Tokens]), the kernel (package enrol) or an older certificate of the same key ([Authority.Renew]).
//
// Certificates live for hours. Who must be kept out earlier is denied ([Authority.Deny]): the certificates it has are refused, those
// it is given later are good.
//
// Private keys never leave the directory they were made in. The authority's directory holds
//
//	ca.pem       0644  the authority's certificate; its hash ([Authority.Pin]) is what others know the server by
//	ca.key       0600  its key
//	tokens.json  0600  hashes of tokens that were not used yet
//	denied.json  0600  who is denied, since when and why
//
// and several processes may use it at once. Every change of a file is on the disk, whole, before a call returns.
//
// Read identity.go first, then authority.go.
package pki
