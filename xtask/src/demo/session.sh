echo "The domain's console; Ctrl-] leaves it for a shell in dom0, and exit ends everything."
xenith console demo
exec sh -l
