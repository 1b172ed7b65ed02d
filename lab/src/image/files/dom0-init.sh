#!/bin/busybox sh
# dom0's first process. What the host asked for is in /lab; what it gets back goes to the second serial port, where no
# message of Xen or Linux comes in between:
#   XENITH-LAB: boot SECONDS XEN-VERSION   user space is up
#   ...                                    whatever /lab/script prints
#   XENITH-LAB: terminal                   from here on the port is a terminal with /lab/session on it
#   XENITH-LAB: exit STATUS                the script is done, and /lab/out is on the disk

/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox --install -s
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
mkdir /run/lock
. /etc/profile

for module in xen-evtchn xen-gntdev xen-gntalloc xen-privcmd xenfs virtio_pci virtio_blk; do
    modprobe "$module" || echo "XENITH-LAB: dom0 cannot load $module" > /dev/ttyS1
done
mount -t xenfs xenfs /proc/xen
hostname dom0
ip link set lo up

port=/dev/ttyS1
version=/sys/hypervisor/version
xen="$(cat $version/major).$(cat $version/minor)$(cat $version/extra)"
stty -F $port raw -echo
echo "XENITH-LAB: boot $(cut -d' ' -f1 /proc/uptime) $xen" > $port

status=0
if [ -f /lab/script ]; then
    setsid sh -l /lab/script < /dev/null > $port 2>&1
    status=$?
fi

if [ -f /lab/terminal ] && [ $status = 0 ]; then
    echo "XENITH-LAB: terminal" > $port
    stty -F $port sane rows 24 cols 80 $(cat /lab/terminal)
    setsid -c sh -l /lab/session < $port > $port 2>&1
    poweroff -f
fi

# The disk is there only when the host wants files back.
[ -b /dev/vda ] && tar -C /lab/out -cf - . | dd of=/dev/vda bs=64k conv=fsync 2> /dev/null
echo "XENITH-LAB: exit $status" > $port
# The host ends the machine when it has read that line; this is for a host that went away.
sleep 20
poweroff -f
