# A guest and a client of dom0 that talk through the store all the time (scenarios/src/witness.rs), and what has to work on whichever store runs.
# It stands behind host.sh and before the scripts that change the store.

# The guest's initrd, and in it what its first process runs beside its shell.
mkdir -p /tmp/overlay/lab
cp /usr/bin/scenarios /tmp/overlay/lab/
printf '#!/bin/sh\nexec /lab/scenarios witness guest\n' > /tmp/overlay/lab/run
chmod 755 /tmp/overlay/lab/*
(cat /lab/guest/initrd; cd /tmp/overlay && find . | cpio -o -H newc 2> /dev/null) > /tmp/initrd

words() { xenstore-read /local/domain/$lin/data/pong 2> /dev/null || echo 0; }
more_than() { [ "$(words)" -gt "$1" ]; }
# goes_on NAME: so many words more are said and answered.
goes_on() { until_s "$1" 90 more_than $(($(words) + 50)); }

begin_witness() {
    config lin loop0 00:16:3e:00:00:01 /tmp/initrd
    s create xl create /tmp/lin.cfg
    lin=$(xl domid lin)
    touch /run/witness
    scenarios witness dom0 "$lin" > /lab/out/witness.log 2>&1 &
    witness=$!
    goes_on first_words
}
# Nobody missed anything from the first word to the last.
end_witness() {
    rm /run/witness
    wait $witness
    status=$?
    step witness $status 0
    cat /lab/out/witness.log
    # What the store and Xen say of a guest that is silent.
    [ $status = 0 ] || { xl list; xl vcpu-list; xenith store control report; xenith store control report "$lin"; } 2>&1 | sed 's/^/    /'
    xenstore-ls -fp > /lab/out/tree_at_the_end.txt
    until_s guest_missed_nothing 1 nothing_wrong
}
nothing_wrong() { ! grep -q "/data/wrong" /lab/out/tree_at_the_end.txt; }

# all_works NAME: the words go on, the kernels of dom0 and of the guest hear of a new device, and stock xl makes a domain with a disk and a vif.
all_works() {
    goes_on "$1_words"
    s "$1_attach" xl block-attach lin /dev/loop1,raw,xvdb,rw
    until_s "$1_attached" 30 connected lin vbd 51728
    s "$1_detach" xl block-detach lin xvdb
    config second loop2 00:16:3e:00:00:02
    s "$1_create" xl create /tmp/second.cfg
    until_s "$1_up" 60 up second
    until_s "$1_disk" 30 connected second vbd 51712
    until_s "$1_vif" 30 connected second vif 0
    s "$1_destroy" xl destroy second
    goes_on "$1_more_words"
}

# The keeper's only child, and what becomes of it.
worker() { grep -l "^PPid:[^0-9]*$keeper$" /proc/[0-9]*/status 2> /dev/null | tr -cd '0-9\n'; }
another_worker() { new=$(worker); [ -n "$new" ] && [ "$new" != "$old" ]; }
kill_worker() {
    old=$(worker)
    kill -9 "$old"
    step "$1" $? 0
    until_s "$1_is_back" 30 another_worker
}

# kill_keeper NAME: and whoever starts stores starts another one. Stock xenconsoled does not connect again by itself.
kill_keeper() {
    kill -9 "$keeper"
    step "$1" $? 0
    until_s "$1_is_gone" 10 not_there "$keeper"
    kill "$(cat /run/xenconsoled.pid)"
    until_s "$1_xenconsoled_ended" 10 not_there "$(cat /run/xenconsoled.pid)"
    start_store again
}
not_there() { ! kill -0 "$1"; }
