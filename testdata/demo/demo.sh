#!/usr/bin/env bash
# Starts the daemon, deploys on eight nodes, stops the daemon. Exits with the code of the deployment.
# DEMO is the site to use and BIN the directory of the programs; both have defaults.
set -u
cd "$(dirname "$0")/../.." || exit 1
site=${DEMO:-testdata/demo} bin=${BIN:-bin}

"$bin/kadeploy-server" start -d "$site" || exit
trap '"$bin/kadeploy-server" stop -d "$site"' EXIT
"$bin/kadeploy" deploy -d "$site" -m 'node-[1-8].demo' -a "$site/debian.env" --min-nodes 7 -o "$site/ok.txt" -n "$site/ko.txt"
code=$?
echo "exit code $code"
exit $code
