#!/bin/busybox sh
# Linux runs this when the toolstack asks for a shutdown; the first process is a shell and hears no signal.
exec /bin/busybox poweroff -f
