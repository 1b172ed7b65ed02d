#!/bin/sh
# Starts the release's own daemons: stock-start [xenstored|oxenstored|xenith]. Without a word the C store; with the last one ours in its place.
set -e
. /etc/profile
store=${1:-xenstored}
mkdir -p /run/xen /run/xenstored /var/lib/xen /var/lib/xenstored /var/log/xen
case $store in
    xenith) mkdir -p /lab/out && xenith store > /lab/out/store.log 2>&1 & ;;
    oxenstored) oxenstored --pid-file /run/xenstored.pid ;;
    *) xenstored --pid-file /run/xenstored.pid ;;
esac
waited=0
until xenstore-exists / 2> /dev/null; do
    waited=$((waited + 1))
    [ $waited -lt 100 ] || { echo "$store does not answer" >&2; exit 1; }
    sleep 0.1
done
xen-init-dom0 > /dev/null
xenconsoled --pid-file=/run/xenconsoled.pid --log=none
