# Stands between the tests and the server, so that the server ends with them, however they end.
#
# $1 the folder to remove at the end, $2 its log, $3 the signal that ends the server then; what follows is the server's command.
# Reads one order a line: start, crash, stop, quit, state; answers each with a line. The end of the input means that the tests
# are gone.
folder=$1
log=$2
end=$3
shift 3
server=

stop() {
    [ -n "$server" ] || return 0
    kill "-$1" "$server" 2>/dev/null
    wait "$server" 2>/dev/null
    server=
}

crash() {
    [ -n "$server" ] || return 0
    # The server's own children too: a crash of the machine spares none of them.
    kill -KILL "$server" $(pgrep -P "$server" 2>/dev/null) 2>/dev/null
    wait "$server" 2>/dev/null
    server=
}

while read -r order; do
    answer=done
    case $order in
        start)
            "$@" </dev/null >>"$log" 2>&1 &
            server=$!
            ;;
        crash) crash ;;
        stop) stop INT ;;
        quit) stop QUIT ;;
        state)
            # `jobs` buries a server that has ended; until then its process would still be there.
            jobs >/dev/null
            if [ -n "$server" ] && kill -0 "$server" 2>/dev/null; then answer=running; else answer=ended; fi
            ;;
    esac
    echo "$answer"
done

stop "$end"
rm -rf "$folder"
