#!/bin/busybox sh
# A guest's first process: says how many vcpus are online, does what lab.do=, lab.count= or lab.hotplug on the command line asks, and
# otherwise gives a shell on the Xen console.

/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox --install -s
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
export PATH=/sbin:/usr/sbin:/bin:/usr/bin HOME=/ TERM=linux PS1='guest:\w# '
hostname guest
# Those of vmlinuz; under the other kernel nothing loads.
for module in /lib/frontends/*.ko; do insmod "$module" 2> /dev/null; done

echo "XENITH-GUEST: up cpus=$(nproc) memory_kib=$(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo)"

# What a job puts beside this initrd.
[ -x /lab/run ] && /lab/run > /dev/hvc0 2>&1 &

# A vcpu that the toolstack gives back is there, and udev's to set online. One that is on its way out is locked until it is gone.
hotplug() {
    while sleep 1; do
        for online in /sys/devices/system/cpu/cpu*/online; do
            [ "$(cat "$online" 2> /dev/null)" = 0 ] && echo 1 > "$online"
        done
    done
}

# Xen's watchdog, armed for two seconds and never fed: whoever holds the device only sleeps.
watchdog() {
    insmod /lib/watchdog/watchdog-watchdog.ko && insmod /lib/watchdog/watchdog-xen_wdt.ko timeout=2 && sleep 3600 > /dev/watchdog
    echo "XENITH-GUEST: no watchdog"
}

for word in $(cat /proc/cmdline); do
    case $word in
        lab.do=poweroff) poweroff -f ;;
        lab.do=reboot) reboot -f ;;
        lab.count=*) seq "${word#lab.count=}" | sed "s/^/count /" ;;
        lab.hotplug) hotplug 2> /dev/null & ;;
        lab.do=crash) echo c > /proc/sysrq-trigger ;;
        lab.do=watchdog) watchdog & ;;
        # Another kernel in the place of this one, from what a job puts beside this initrd.
        lab.do=kexec) another /lab/vmlinuz /lab/initrd "console=hvc0 quiet" || echo "XENITH-GUEST: no kexec, status $?" ;;
    esac
done

# Without a size the shell asks the terminal for one, in the middle of what a person reads.
stty rows 24 cols 80 < /dev/hvc0
while :; do
    setsid cttyhack sh < /dev/hvc0 > /dev/hvc0 2>&1
done
