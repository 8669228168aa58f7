// Package store keeps what the daemon must not forget: operations with their events, steps and results, what runs on which
// node and what disks it has, the counts that statistics are made of, the catalogue of environments, and the book of users and
// rights. It knows no actor and no protocol: the fact of an event and the text of a request are bytes.
//
// One schema and one set of queries serve two databases: a SQLite file (the default; nothing to install) and PostgreSQL.
// Times are kept in microseconds, UTC. Texts are kept without NUL bytes and as valid UTF-8, names cut at 255 bytes and free
// texts at 4 KiB, so that nothing that a node or a user says can be refused by one of the databases.
//
// Write is the only way in for what happens: one transaction, durable when it returns, and harmless when it is written again.
// The counts of days and months are kept beside it in the same transaction, and count only rows that were new.
//
// Read write.go first, then migrations/.
package store
