// Package catalogue says what is in the catalogue of environments, who may see, deploy, add and remove what, and which
// environment a name means. It does no I/O: where environments are kept, and whether their images are good, is for others.
//
// Read environment.go first, then catalogue.go (adding and removing), find.go (what a name means) and list.go.
//
// The rules are those of Kadeploy3 (1.2): a private environment is its owner's alone; a shared one may be used by whoever
// names its owner, and is listed only then; a public one is everybody's without that, and only admins add them.
package catalogue
