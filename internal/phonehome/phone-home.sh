#!/bin/sh
# Tells the server that has deployed this system which image it is: once, then the note is gone. When nobody answers, the next boot
# tells it. Laid here by kadeploy.
note=${1:-/etc/kadeploy/phone-home}
[ -f "$note" ] || exit 0
while IFS='=' read -r name value; do
	[ "$name" = url ] && url=$value
done <"$note"

# The note is the body, and nothing of it an argument but the address: arguments are for all to read.
call() {
	if command -v curl; then
		curl -fsS --noproxy '*' --max-time 20 --data-binary "@$note" "$url"
	elif wget --version; then
		wget -q -O - --no-proxy --timeout=20 --tries=1 --post-file="$note" "$url"
	elif command -v wget; then
		wget -q -O - --post-file "$note" "$url"
	else
		busybox wget -q -O - --post-file "$note" "$url"
	fi
} >/dev/null 2>&1

tries=300
until call; do
	tries=$((tries - 1))
	[ $tries -gt 0 ] || exit 1
	sleep 2
done
rm -f "$note"
