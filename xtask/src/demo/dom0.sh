# Starts the daemon, creates a domain twice and shows its console. The second create is the one that a host sees from then
# on: the kernel is in the cache.
now() { awk '{ print int($1 * 1000) }' /proc/uptime; }
fail() { echo "XENITH-LAB: failed $*"; tail -n 20 /run/xenith.log; exit 1; }

xenith all > /run/xenith.log 2>&1 &
waited=0
until xenith info > /run/info 2> /run/why; do
    waited=$((waited + 1))
    [ $waited -lt 300 ] || fail "the daemon does not answer: $(cat /run/why)"
    sleep 0.2
done
cat /run/info

for time in first again; do
    [ $time = first ] || xenith destroy demo || fail "destroy"
    began=$(now)
    xenith create /lab/demo.toml 2> /run/why || fail "create: $(cat /run/why)"
    echo "XENITH-LAB: created $time $(($(now) - began))"
done
xenith list

echo "XENITH-LAB: console"
waited=0
until xenith console demo --log 2> /dev/null | grep -q 'guest:/#'; do
    waited=$((waited + 1))
    [ $waited -lt 240 ] || fail "no prompt on the domain's console"
    sleep 0.5
done
xenith console demo --log
echo
echo "XENITH-LAB: shown"
