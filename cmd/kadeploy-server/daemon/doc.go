// Package daemon is the life of kadeploy-server as one process: it takes the state directory, makes the mechanisms, starts
// the supervision tree, obeys signals and stops all in order.
//
// SIGTERM and SIGINT stop it: operations end as cancelled, who watches them is told, the tree stops in reverse order. A
// second one ends it at once. SIGHUP reads the configuration again. It tells systemd what it does (sd_notify(3)) and that
// it lives, as long as the tree answers. The limit of open files needs no care: Go raises it to the hard limit itself.
//
// It logs to one writer and knows nothing of log files, terminals or background processes: those are package command's.
package daemon
