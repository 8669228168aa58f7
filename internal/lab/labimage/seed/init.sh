#!/bin/sh
# The first program of the initrd: loads the modules of the lab's machines, mounts what root= names and starts its init.
# Without root= it stays: a system of its own, with an address and a marker line.
export PATH=/bin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
for m in $(cat /modules/order); do insmod /modules/$m; done
root= params=
for word in $(cat /proc/cmdline); do
	case $word in root=*) root=${word#root=};; esac
done
if [ -n "$root" ]; then
	for i in $(seq 100); do
		case $root in UUID=*|LABEL=*) device=$(findfs $root 2>/dev/null);; *) device=$root;; esac
		[ -n "$device" ] && [ -b "$device" ] && break
		usleep 100000
	done
	mount -t ext4 $device /newroot || mount $device /newroot || { echo "LAB-NO-ROOT $root" >/dev/console; sleep 5; reboot -f; }
	exec switch_root /newroot /sbin/init
fi
exec /sbin/init
