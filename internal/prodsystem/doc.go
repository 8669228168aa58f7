// Package prodsystem brings the agent into a system that runs on a node: the site's production system, entered by ssh as root
// (Kadeploy3 1.4, SetDeploymentEnvProd). Nobody has prepared that system for it but by an ssh server and the key of the site.
//
// Where the same agent is installed there it is used. Otherwise it is copied into a directory of its own below /run, /var/tmp or /tmp,
// whichever first lets programs run, that only root may enter, and its digest is compared there. That directory is removed as soon as the
// agent runs, or when anything fails: a program that runs needs its file no more. Whatever becomes of the agent, nothing of it stays.
//
// What is secret for the agent, the token in its command line, goes by the standard input of the shell and the environment of the agent: it
// is in no argument, which every user of the node could read.
package prodsystem
