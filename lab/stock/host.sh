# What the scripts beside this one share: a host with the release's stock tools, and one step a line. It stands before each of them.
# The two hotplug scripts are stand-ins: the stock ones want bash, which the image does not hold.
. /etc/profile
mkdir -p /run/xen /run/xenstored /run/xenith /var/lib/xen /var/lib/xenstored /var/log/xen /etc/xen/scripts /lab/out

# step NAME STATUS SECONDS: what the host of the lab counts.
step() { echo "step $1 status=$2 seconds=$3"; }
uptime_s() { cut -d. -f1 /proc/uptime; }
# s NAME COMMAND...: a step that is a command.
s() {
    name=$1; shift
    began=$(uptime_s)
    timeout -s KILL 90 "$@" > "/lab/out/$name.log" 2>&1
    status=$?
    step "$name" $status $(($(uptime_s) - began))
    [ $status = 0 ] || tail -n 12 "/lab/out/$name.log" | sed 's/^/    /'
}
# until_s NAME SECONDS COMMAND...: a step that waits until a command succeeds. It is tried once at least: a second may be over at any moment.
until_s() {
    name=$1 limit=$2; shift 2
    began=$(uptime_s) status=1
    while :; do
        if "$@" > /dev/null 2>&1; then status=0; break; fi
        [ $(($(uptime_s) - began)) -lt "$limit" ] || break
        sleep 0.2
    done
    step "$name" $status $(($(uptime_s) - began))
}
reads() { [ "$(xenstore-read "$1" 2> /dev/null)" = "$2" ]; }
# The guest's kernel has started and talks to the store.
up() { reads "/local/domain/$(xl domid "$1")/control/feature-reboot" 1; }
# connected GUEST KIND ID: both ends of a device.
connected() {
    domid=$(xl domid "$1")
    reads "/local/domain/$domid/device/$2/$3/state" 4 && reads "/local/domain/0/backend/$2/$domid/$3/state" 4
}

serve_ours() {
    xenith store >> /lab/out/store.log 2>&1 &
    keeper=$!
    tries=0
    until xenstore-exists / 2> /dev/null; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || { echo "no store"; cat /lab/out/store.log; exit 1; }
        sleep 0.1
    done
}
# start_store stock|ours|again: ours again finds what the one before left.
start_store() {
    case $1 in
        stock) /lab/stock-start ;;
        ours)
            serve_ours
            xen-init-dom0 > /dev/null
            xenconsoled --pid-file=/run/xenconsoled.pid --log=none ;;
        again)
            serve_ours
            xenconsoled --pid-file=/run/xenconsoled.pid --log=none ;;
    esac
}

cat > /etc/xen/scripts/block << 'S'
#!/bin/sh
. /etc/profile
exec >> /lab/out/hotplug.log 2>&1
echo "block $1 $XENBUS_PATH"
[ "$1" = add ] || exit 0
dev=$(xenstore-read $XENBUS_PATH/params)
xenstore-write $XENBUS_PATH/physical-device "$(stat -c '%t:%T' $dev)" $XENBUS_PATH/physical-device-path $dev $XENBUS_PATH/hotplug-status connected
S
cat > /etc/xen/scripts/vif-bridge << 'S'
#!/bin/sh
. /etc/profile
exec >> /lab/out/hotplug.log 2>&1
echo "vif $1 $XENBUS_PATH $vif"
[ "$1" = online ] || exit 0
ip link set $vif up
brctl addif xenbr0 $vif
xenstore-write $XENBUS_PATH/hotplug-status connected
S
chmod 755 /etc/xen/scripts/*
for module in xen-blkback xen-netback loop bridge; do modprobe $module || exit 1; done
for n in 0 1 2; do
    dd if=/dev/zero of=/tmp/disk$n bs=1M count=8 2> /dev/null
    losetup /dev/loop$n /tmp/disk$n
done
ip link add xenbr0 type bridge
ip link set xenbr0 up

# config NAME LOOP MAC [INITRD]: a domain with a disk and a vif.
config() {
    cat > "/tmp/$1.cfg" << S
name="$1"
type="pvh"
vcpus=1
memory=160
kernel="/lab/guest/vmlinuz"
ramdisk="${4:-/lab/guest/initrd}"
cmdline="console=hvc0 quiet"
disk=["/dev/$2,raw,xvda,rw"]
vif=["mac=$3,bridge=xenbr0"]
S
}
