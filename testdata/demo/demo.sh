#!/usr/bin/env bash
# Starts the daemon, deploys on eight nodes, stops the daemon. Exits with the code of the deployment.
set -u
cd "$(dirname "$0")/../.." || exit 1
conf=testdata/demo

bin/kadeploy-server start -d $conf || exit
trap 'bin/kadeploy-server stop -d $conf' EXIT
bin/kadeploy deploy -m 'node-[1-8].demo' -a $conf/debian.env --min-nodes 7 -o $conf/ok.txt -n $conf/ko.txt
code=$?
echo "exit code $code"
exit $code
