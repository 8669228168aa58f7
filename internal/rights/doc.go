// Package rights decides who may touch which nodes. A Book holds users and grants; Check answers from it, Grant, Revoke,
// DelUser and Expire change it and say who lost what. It knows no clock, no file but in Load, and no actor: times
// and the site's node names are arguments, and the same calls always give the same answers. The store keeps books; a file of one,
// which Encode makes and Load reads, is how one comes from elsewhere.
//
// A grant gives one user, or everybody, one node, or every node, and there one partition, or every partition, until a time
// or for ever. Patterns of nodes are expanded when a grant is made: a node that the site gets later is not in it, unless it
// was made for "*".
//
// A Book is not safe for concurrent use while it is changed. One that is not changed any more may be read by anybody.
package rights
