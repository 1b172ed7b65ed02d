# From the release's own C xenstored to ours and back, twice, with a guest and a client of dom0 that miss nothing; then once more, and our
# keeper is killed, whose image must hold what the dump did not say: where the event channels lead.
start_store stock
stock=/usr/lib/xen-$RELEASE/bin/xenstored
pid=$(pidof xenstored)
is_ours() { [ "$(readlink /proc/$pid/exe)" = "$(readlink -f /usr/bin/xenith)" ]; }
is_stock() { [ "$(readlink /proc/$pid/exe)" = "$(readlink -f $stock)" ]; }
begin_witness
all_works stock
for round in first second; do
    s ${round}_takeover xenith store takeover
    until_s ${round}_is_ours 1 is_ours
    all_works ${round}_taken
    keeper=$pid
    kill_worker ${round}_worker
    goes_on ${round}_worker_words
    s ${round}_handback xenith store handback --program $stock
    until_s ${round}_is_stock 1 is_stock
    all_works ${round}_back
done
s third_takeover xenith store takeover
until_s third_is_ours 1 is_ours
keeper=$pid
kill_keeper keeper
all_works keeper_killed
end_witness
until_s only_the_keeper_cost_it_its_socket 1 grep -q "connected 2 times" /lab/out/witness.log
cp /var/log/xen/*.log /lab/out/ 2> /dev/null
step end 0 0
