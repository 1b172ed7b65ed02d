export PATH=/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root TERM=${TERM:-linux}
export PS1='dom0:\w# '
# The stock tools of the release, where the peers image is there.
for directory in /usr/lib/xen-4.*/bin; do
    [ -d "$directory" ] && PATH=$directory:$PATH
done
cd
