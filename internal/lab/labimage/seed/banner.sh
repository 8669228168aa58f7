#!/bin/sh
printf 'SSH-2.0-lab_%s\r\n' "$(cat /etc/image)"
read -t 10 line
