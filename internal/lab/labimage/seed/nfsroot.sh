#!/bin/sh
# The first program of the kernel for a root on an NFS server: an address by DHCP, what nfsroot=SERVER:PATH names, and above it, in memory,
# what this machine writes. Then it starts the init of that system.
export PATH=/bin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
for m in $(cat /modules/order); do insmod /modules/$m; done
nfsroot=
for word in $(cat /proc/cmdline); do
	case $word in nfsroot=*) nfsroot=${word#nfsroot=};; esac
done
ip link set lo up
ip link set eth0 up
udhcpc -i eth0 -q -n -t 20 -T 1 -s /etc/lease.sh >/dev/null
addr=$(ip -4 -o addr show dev eth0 | sed -n 's,.* inet \([0-9.]*\)/.*,\1,p')
mount -t tmpfs run /run
mkdir /run/nfs /run/written /run/work
mount -t nfs4 -o ro,vers=4.1,addr=${nfsroot%%:*},clientaddr=$addr $nfsroot /run/nfs || { echo "LAB-NO-ROOT $nfsroot" >/dev/console; sleep 5; reboot -f; }
mount -t overlay -o lowerdir=/run/nfs,upperdir=/run/written,workdir=/run/work root /newroot
echo "LAB-NFS-ROOT $(sed -n 's,^\([^ ]*\) [^ ]* nfs4 .*,\1,p' /proc/mounts)" >/dev/console
for d in dev proc sys; do mount -o move /$d /newroot/$d; done
exec switch_root /newroot /sbin/init
