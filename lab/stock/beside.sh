# Our control beside stock xl, in one boot: domains of the one are the other's to see, to adopt, to rename and to resize.
start_store ours
xenith control > /lab/out/control.log 2>&1 &
until_s control 30 xenith list
s xen_log xenith dmesg
until_s mitigations 1 grep -q -i "speculative" /lab/out/xen_log.log
s info xenith info
s cpupools xenith cpupools

# by_xl NAME: a Linux guest without disks, under xl's monitor; it comes back when it reboots.
by_xl() {
    cat > "/tmp/$1.cfg" << C
name="$1"
type="pvh"
vcpus=1
memory=128
kernel="/lab/guest/vmlinuz"
ramdisk="/lab/guest/initrd"
cmdline="console=hvc0 quiet"
C
    s "$1_create" xl create "/tmp/$1.cfg"
    until_s "$1_up" 60 up "$1"
}
monitors() { ps | grep "[x]l create /tmp/$1.cfg" | awk '{print $1}'; }
no_monitor() { [ -z "$(monitors "$1")" ]; }
named() { xl list | awk -v name="$1" '$1 == name' | wc -l; }
another() { new=$(xl domid "$1" 2> /dev/null) && [ "$new" != "$old" ]; }
event() { xenith events --since 0 > /lab/out/events.log && grep -q "$@" /lab/out/events.log; }
# comes_back NAME: it reboots, and is there once, now and later.
comes_back() {
    old=$(xl domid "$1")
    s "$1_reboot" xl reboot "$1"
    until_s "$1_comes_back" 60 another "$1"
    until_s "$1_up_again" 60 up "$1"
    sleep 3
    until_s "$1_once" 1 [ "$(named "$1")" = 1 ]
}

by_xl one
by_xl two
# Its monitor dies: with the next look around it is ours without a word.
kill -9 $(monitors two)
by_xl three
until_s drift_told 5 event "drift.* three: somebody else created it"
# Adopted by word: its monitor is ended.
s adopt xenith adopt one
until_s monitor_ended 5 no_monitor one
s seen xenith list --json
until_s config_known 1 grep -q "/lab/guest/vmlinuz" /lab/out/seen.log
comes_back one
until_s two_adopted 10 event "domain-adopted .* two: ours"
comes_back two
# Left to its monitor.
comes_back three
until_s three_still_theirs 1 [ -n "$(monitors three)" ]

# Drift: somebody else ends a domain of ours. It is noticed as soon as it is gone, which stock xenconsoled may hold up by some seconds.
s destroy_behind_our_back xl destroy one
until_s noticed 20 event "drift.* one: somebody else destroyed it"

s rename xenith rename two deux
until_s xl_knows_it 1 xl domid deux
s rename_theirs xenith rename three trois
until_s xl_knows_that_too 1 xl domid trois

# A Linux guest that starts another kernel in its place (kexec): it goes on as the same domain, and the second kernel talks to the store. Stock xl
# destroys such a domain: libxl_domain_soft_reset takes HVM only (libxl_create.c of 4.14 to 4.20).
mkdir -p /tmp/another/lab
cp /lab/guest/vmlinuz /lab/guest/initrd /tmp/another/lab/
(cat /lab/guest/initrd; cd /tmp/another && find . | cpio -o -H newc 2> /dev/null) > /tmp/another.initrd
cat > /tmp/kexec.toml << C
name = "kexec"
memory = "256MiB"
[boot]
kernel = "/lab/guest/vmlinuz"
initrd = "/tmp/another.initrd"
cmdline = "console=hvc0 quiet lab.do=kexec"
C
s kexec_create xenith create /tmp/kexec.toml
first=$(xl domid kexec)
until_s kexec_reset 60 event "domain-reset .* kexec"
until_s kexec_second_kernel 60 up kexec
until_s kexec_same_domain 1 [ "$(xl domid kexec)" = "$first" ]
s kexec_destroy xenith destroy kexec

s destroy_two xl destroy deux
s destroy_three xenith destroy trois

# Memory populated on demand (maxmem above memory): of two by xl that are alike one is resized by us, the other by xl, and Xen has the same of both.
# on_demand NAME: paused, since no two guests touch the same pages.
on_demand() {
    cat > "/tmp/$1.cfg" << C
name="$1"
type="pvh"
vcpus=1
memory=128
maxmem=192
kernel="/lab/guest/vmlinuz"
ramdisk="/lab/guest/initrd"
cmdline="console=hvc0 quiet"
C
    s "$1_create" xl create -p "/tmp/$1.cfg"
}
# pod NAME: how many of its gfns have no page yet, and how many pages wait for them, as Xen tells it on its console.
pod() {
    xl dmesg -c > /dev/null
    xl debug-keys q
    xl dmesg | awk -v line="domain $(xl domid "$1"):" '/General information for domain/ { its = index($0, line) } its && /PoD entries=/ { print $(NF - 1), $NF; exit }'
}
entries() { pod "$1" | sed -n 's/.*entries=\([0-9]*\).*/\1/p'; }
cache() { pod "$1" | sed -n 's/.*cachesize=\([0-9]*\).*/\1/p'; }
memory_mib() { xl list | awk -v name="$1" '$1 == name { print $3 }'; }
target() { xenstore-read "/local/domain/$(xl domid "$1")/memory/target"; }
alike() { [ "$(cache ours)" -gt 0 ] && [ "$(pod ours)" = "$(pod theirs)" ] && [ "$(target ours)" = "$(target theirs)" ]; }
note() { echo "$1: ours $(pod ours) of $(memory_mib ours) MiB, theirs $(pod theirs) of $(memory_mib theirs) MiB" >> /lab/out/pod.txt; }
# both WHAT MIB: both get another size.
both() {
    s "pod_$1_ours" xenith resize ours --memory "$2MiB"
    s "pod_$1_theirs" xl mem-set theirs "$2m"
}
# settled NAME MIB: its balloon is where it shall be, within one in a hundred, and a page waits for each gfn that has none.
settled() {
    mib=$(memory_mib "$1")
    [ "$mib" -ge $(($2 - $2 / 100)) ] && [ "$mib" -le $(($2 + $2 / 100)) ] && [ "$(entries "$1")" = "$(cache "$1")" ]
}
# both_settle WHAT MIB
both_settle() {
    for guest in ours theirs; do until_s "pod_$1_$guest" 60 settled $guest "$2"; done
    note "$1"
}

on_demand ours
on_demand theirs
until_s pod_born_alike 1 alike
until_s pod_some_wait 1 [ "$(entries ours)" -gt "$(cache ours)" ]
note born
before=$(cache ours)
both smaller 112
until_s pod_smaller_alike 1 alike
note smaller
both larger 160
until_s pod_larger_alike 1 alike
until_s pod_filled 1 [ "$(cache ours)" -gt "$before" ]
note larger
for guest in ours theirs; do
    s "unpause_$guest" xl unpause $guest
    until_s "up_$guest" 60 up $guest
done
both_settle settled 160
both down 144
both_settle down_settled 144
both up 192
both_settle up_settled 192
s destroy_ours xl destroy ours
s destroy_theirs xl destroy theirs

xenith events --since 0 > /lab/out/events.log
step end 0 0
