# SIGKILL of the worker of our store, again and again, a live update, and SIGKILL of the keeper, with a guest and a client of dom0 that miss
# nothing; the latter connects again once.
start_store ours
begin_witness
all_works ours
kill_worker worker
all_works worker_killed
# Again and again, in the middle of whatever is said.
for n in 1 2 3 4 5 6 7 8 9 10; do
    kill_worker worker_$n
    goes_on words_$n
done
old=$(worker)
kill -HUP $keeper
until_s live_update 30 another_worker
all_works live_updated
kill_keeper keeper
all_works keeper_killed
end_witness
until_s only_the_keeper_cost_it_its_socket 1 grep -q "connected 2 times" /lab/out/witness.log
step end 0 0
