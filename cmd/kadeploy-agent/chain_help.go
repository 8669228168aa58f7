package main

const chainHelp = `Broadcasts a file along a chain of the machines themselves: it leaves this machine once and each machine sends it
on to the next, so that five hundred take hardly longer than one. Start receive on the machines and send on the one that
has the file, in any order. A machine that dies, hangs or is slow is skipped; every byte is verified before it is written.

EXAMPLES:
   (umask 077; kadeploy-agent chain key > key)
   kadeploy-agent chain receive -k key -o /tmp/image
   kadeploy-agent chain send -k key -N 'node-[1-8]' -i image

Each command has --help; docs/chain-tool.md has recipes.`

const keyHelp = `Writes a new key, 64 hexadecimal digits, on standard output. Only whoever has the key can send to, or receive from,
the machines that have it. A key serves one broadcast at a time.

EXAMPLES:
   (umask 077; kadeploy-agent chain key > key)
   export KADEPLOY_CHAIN_KEY=$(kadeploy-agent chain key)`

const sendHelp = `Sends a file, a device or standard input to machines on which chain receive runs or will run soon, and reports what
became of each. Machines are tried in the order given, so give neighbours in the network one after the other.

Progress and events go to standard error, the report to standard output. The files of --ok and --ko are written whatever
the outcome is. The first Ctrl-C tells the machines that it is over, the second ends this one at once. A send that was
killed may be started again with the same key and the same file within the --orphan time of the receivers: they go on
from where they are.

EXIT CODES:
   0    every machine has it
   1    none has it, or this machine could not go on
   2    some have it
   64   wrong usage

EXAMPLES:
   kadeploy-agent chain send -k key -N n1,n2,n3 -i image.tar.zst
   kadeploy-agent chain send -k key -f $OAR_NODE_FILE -i image --ok ok.txt --ko ko.txt --rate 800Mbit
   tar c DIR | kadeploy-agent chain send -k key -N 'node-[1-8]' -i -
   kadeploy-agent chain send -k key -N n1,n2 -i /dev/sda3 --output json`

const receiveHelp = `Receives what chain send sends, passes it on to the next machine and ends when the transfer does.

A regular FILE is written under another name beside its place and appears there when it is whole; an existing device or pipe
is written to. A block device that is in use is refused. COMMAND is run by /bin/sh when the first byte is here; it has taken
the data when it exits 0. Otherwise its exit code and the last line of its standard error are the cause that the sender
shows. It is killed when the transfer fails.

An output that fails or is slow does not keep the data from the machines after this one.

EXIT CODES:
   0    everything is here, verified, and the output took it
   1    anything else
   64   wrong usage

EXAMPLES:
   kadeploy-agent chain receive -k key -o /tmp/image
   kadeploy-agent chain receive -k key -l 10.0.0.7:25303 -o /dev/sda3
   kadeploy-agent chain receive -k key -O 'tar x -C /dest'
   kadeploy-agent chain receive -k key -o - | zstd -d > image`
