#!/bin/sh
# The site's pre-install: runs in the deployment system, before the image comes.
set -eu

echo "pre-install of ${KADEPLOY_CLUSTER:-a cluster}: nothing to set up on ${KADEPLOY_BLOCK_DEVICE:-this disk}"
