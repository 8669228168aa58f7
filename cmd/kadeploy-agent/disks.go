package main

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/machine"
)

// noDisks is the machine of this version, which has no driver for real disks: every order about them fails with one clear error.
type noDisks struct{}

var errNoDisks = errors.New("this version of the agent has no driver for real disks")

func (noDisks) Partition(context.Context, machine.Table) (string, error)  { return "", errNoDisks }
func (noDisks) Format(context.Context, string, string, string) error      { return errNoDisks }
func (noDisks) Swap(context.Context, string) error                        { return errNoDisks }
func (noDisks) Mount(context.Context, string, string, string) error       { return errNoDisks }
func (noDisks) Umount(context.Context, string) error                      { return errNoDisks }
func (noDisks) Tree(string) (machine.Tree, error)                         { return machine.Tree{}, errNoDisks }
func (noDisks) Scratch(string) (machine.Tree, error)                      { return machine.Tree{}, errNoDisks }
func (noDisks) Device(string) (machine.Device, error)                     { return nil, errNoDisks }
func (noDisks) RunScript(context.Context, machine.Script) (string, error) { return "", errNoDisks }
func (noDisks) Sync(context.Context) error                                { unix.Sync(); return nil }
