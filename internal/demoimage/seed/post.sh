#!/bin/sh
# The site's post-install: leaves in the deployed system a note of what it was deployed as. The variables are those of
# Kadeploy; only the named ones are written, for the environment may hold what is nobody's business.
set -eu

target="$KADEPLOY_ENV_EXTRACTION_DIR/etc/kadeploy"
mkdir -p "$target"
{
	echo "cluster=${KADEPLOY_CLUSTER:-}"
	echo "environment=${KADEPLOY_ENV:-}"
	echo "partition=${KADEPLOY_DEPLOY_PART:-}"
	echo "kernel=${KADEPLOY_ENV_KERNEL:-}"
	echo "filesystem=${KADEPLOY_FS_TYPE:-}"
} >"$target/deployed"
echo "wrote $target/deployed"
