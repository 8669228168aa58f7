#!/bin/sh
# The console line of the tiny system, in Debian. What was written is on the disk before it says that it is up.
sync
root=$(findmnt -n -o SOURCE /)
addr=$(hostname -I | cut -d ' ' -f 1)
echo "LAB-SYSTEM image=$(cat /etc/image) root=$root addr=$addr cmdline=[$(cat /proc/cmdline)]" >/dev/ttyS0
