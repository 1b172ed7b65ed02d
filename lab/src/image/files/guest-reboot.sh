#!/bin/busybox sh
# Linux runs this when the toolstack asks for a reboot.
exec /bin/busybox reboot -f
