// Package kadeploy3 reads what a site of Kadeploy3 has, its database as mysqldump writes it and its configuration directory,
// and makes of it what this project reads: a configuration, descriptions of environments, and a book of rights.
//
// Start with Import. It reads a dump (database.go, environment.go, right.go) and a directory in one of two generations: the
// key = value files of 2009 to 2012 (classic.go) and the YAML files of 3.1.5 to 3.3 (server.go, cluster.go, nodes.go). Both end
// as a draft: files of lines, each of which remembers where it came from. The draft is loaded with our own loader, and
// what that refuses is left out and reported with its origin (settle.go); so nothing is called taken that cannot be
// loaded. Import.Write puts the result beside its place and renames it.
//
// ReadPast reads the rest of a dump, the log and the states of nodes (logrow.go, deployment.go, nodestate.go), and Past.Take puts
// it into the database of a server.
//
// Everything that could not be taken is a Finding: one line, with its place. Sources for what Kadeploy3 has: its own
// db/db_creation.sql with db/update-3.1.7.sql and db/update-3.2.sql for the tables, conf/ of its releases for the files
// (repository madynes/kadeploy), and its manual.
package kadeploy3
