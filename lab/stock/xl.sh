# Everyday life with stock xl and a Linux guest, on our store or on the release's own C xenstored (STORE=ours or stock). Both runs leave
# their trees in /lab/out, and `cargo xtask test --only stock` holds them against each other. By hand:
#   (echo STORE=ours; cat lab/stock/host.sh lab/stock/xl.sh) > x.sh; cargo xtask lab script x.sh --stock --xenith --xen 4.20 --out DIR
start_store $STORE
config lin loop0 00:16:3e:00:00:01
s create xl create /tmp/lin.cfg
until_s guest_up 60 up lin
until_s disk_connected 30 connected lin vbd 51712
until_s vif_connected 30 connected lin vif 0
sleep 2
xenstore-ls -fp > /lab/out/tree_created.txt
s list xl list
s block_attach xl block-attach lin /dev/loop1,raw,xvdb,rw
until_s disk_attached 30 connected lin vbd 51728
s block_list xl block-list lin
s block_detach xl block-detach lin xvdb
s network_attach xl network-attach lin mac=00:16:3e:00:00:02 bridge=xenbr0
until_s vif_attached 30 connected lin vif 1
s network_list xl network-list lin
s network_detach xl network-detach lin 1
old=$(xl domid lin)
another() { new=$(xl domid lin 2> /dev/null); [ -n "$new" ] && [ "$new" != "$old" ]; }
s reboot xl reboot lin
until_s rebooted 60 another
until_s guest_up_again 60 up lin
until_s disk_connected_again 30 connected lin vbd 51712
s save xl save lin /tmp/lin.save
s restore xl restore /tmp/lin.save
until_s disk_restored 30 connected lin vbd 51712
until_s vif_restored 30 connected lin vif 0
s destroy xl destroy lin
sleep 2
xenstore-ls -fp > /lab/out/tree_destroyed.txt
none_left() { ! grep -q "^/local/domain/[1-9]" /lab/out/tree_destroyed.txt; }
until_s nothing_left 1 none_left
cp /var/log/xen/*.log /lab/out/ 2> /dev/null
step end 0 0
