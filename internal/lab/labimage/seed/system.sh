#!/bin/sh
# Init of the tiny system: an address by DHCP, one marker line with all that a test asks, and an ssh banner at port 22.
export PATH=/bin
[ -e /proc/cmdline ] || { mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev; }
exec >/dev/console 2>&1 </dev/null
ip link set lo up
ip link set eth0 up
udhcpc -i eth0 -q -n -t 20 -T 1 -s /etc/lease.sh >/dev/null
root=$(sed -n 's, / [^r].*,,p' /proc/mounts | tail -n 1)
addr=$(ip -4 -o addr show dev eth0 | sed -n 's,.* inet \([0-9.]*\)/.*,\1,p')
nc -ll -p 22 -e /bin/banner &
[ -f /etc/kadeploy/phone-home ] && { sh /etc/kadeploy/phone-home.sh && echo "LAB-CALLED image=$(cat /etc/image)"; sync; } &
echo "LAB-SYSTEM image=$(cat /etc/image) root=$root addr=$addr cmdline=[$(cat /proc/cmdline)]"
while :; do sleep 1000; done
