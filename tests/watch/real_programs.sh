#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Programs of the system under `syncxx watch`: they print what they print
# without it, end as they end without it, and nothing is found in them. What is
# not installed is left out, visibly.
#
# Usage: real_programs.sh TOOL [PROGRAM...]
set -u

tool=$1
shift
wanted=$*
work=$(mktemp -d) || exit 1
servers=''
failures=0
ran=0

clean_up() {
  for pid in $servers; do kill "$pid" 2> /dev/null; done
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

say() {
  printf '%s\n' "$*"
}

fail() {
  say "FAILED  $*"
  failures=$((failures + 1))
}

# can PROGRAM COMMAND...: whether to run it.
can() {
  name=$1
  shift
  case " $wanted " in
    '  ' | *" $name "*) ;;
    *) return 1 ;;
  esac
  for command in "$@"; do
    if ! command -v "$command" > /dev/null 2>&1; then
      say "skipped $name: no $command here"
      return 1
    fi
  done
}

# nothing_found PROGRAM: the JSON of the run says so.
nothing_found() {
  if ! grep -q '"version": *1' "$work/$1.json"; then
    fail "$1: no JSON was written"
  elif ! tr -d ' \n' < "$work/$1.json" | grep -q '"findings":\[\]'; then
    fail "$1: findings:"
    cat "$work/$1.err" "$work/$1.json"
  fi
}

# same PROGRAM COMMAND...: runs it plainly and watched, with the same input.
same() {
  name=$1
  shift
  ran=$((ran + 1))
  : >> "$work/in"
  "$@" < "$work/in" > "$work/$name.plain" 2> "$work/$name.plain.err"
  plain=$?
  "$tool" watch --json "$work/$name.json" --timeout 120 -- "$@" \
    < "$work/in" > "$work/$name.watched" 2> "$work/$name.err"
  watched=$?
  before=$failures
  [ $plain -eq $watched ] ||
    fail "$name: exit status $watched instead of $plain"
  cmp -s "$work/$name.plain" "$work/$name.watched" ||
    fail "$name: another output"
  cmp -s "$work/$name.plain.err" "$work/$name.err" || {
    fail "$name: another error output"
    diff "$work/$name.plain.err" "$work/$name.err" | head -n 40
  }
  nothing_found "$name"
  [ $before -ne $failures ] || say "passed  $name"
}

# About 12 MB that can be compressed, and 300000 lines that can be sorted.
awk 'BEGIN { srand(7); for (i = 0; i < 300000; i++) print rand(), i % 977, "some words" }' \
  > "$work/data"

can xz xz && same xz xz -T2 --block-size=1MiB -1 -c "$work/data"
can pigz pigz && same pigz pigz -p 4 -n -c "$work/data"
can pbzip2 pbzip2 && same pbzip2 pbzip2 -p2 -b1 -c "$work/data"
can sort sort && same sort sort --parallel=2 -S 4M -n "$work/data"
can sqlite3 sqlite3 && same sqlite3 sqlite3 :memory: '
  pragma threads=2; create table t(a, b);
  with recursive n(i) as (select 1 union all select i + 1 from n where i < 50000)
  insert into t select i, i * 7919 % 50021 from n;
  create index x on t(b); select sum(a), count(distinct b) from t;
  select b from t order by b desc limit 5;'

python=$(command -v /usr/bin/python3 || echo python3)
can python3 "$python" && same python3 "$python" -c '
import concurrent.futures, queue, subprocess, threading, multiprocessing
q = queue.Queue(10)
def produce():
    for i in range(2000): q.put(i)
    q.put(None)
t = threading.Thread(target=produce); t.start()
total = 0
while (item := q.get()) is not None: total += item
t.join(); print(total)
c = threading.Condition(); turn = 0
def play(me):
    global turn
    for _ in range(200):
        with c:
            while turn % 4 != me: c.wait()
            turn += 1; c.notify_all()
ts = [threading.Thread(target=play, args=(i,)) for i in range(4)]
[t.start() for t in ts]; [t.join() for t in ts]; print(turn)
with concurrent.futures.ThreadPoolExecutor(4) as p: print(sum(p.map(len, ["x" * i for i in range(500)])))
print(subprocess.run(["sh", "-c", "echo child; exit 3"], stdout=subprocess.PIPE).returncode)
with multiprocessing.Pool(2) as p: print(p.map(abs, range(-3, 3)))
'

can node node && same node node -e '
const { Worker, isMainThread } = require("worker_threads");
const zlib = require("zlib"), crypto = require("crypto"), fs = require("fs");
let left = 12;
const done = () => { if (--left === 0) console.log("all"); };
for (let i = 0; i < 4; i++) zlib.deflate(Buffer.alloc(1 << 20, i), (e, b) => { if (b.length < 4096) done(); });
for (let i = 0; i < 4; i++) crypto.pbkdf2("p", "s" + i, 2000, 32, "sha256", done);
for (let i = 0; i < 2; i++) new Worker("require(\"worker_threads\").parentPort.postMessage(1)", { eval: true }).on("exit", done);
fs.readFile("/etc/passwd", done); fs.readdir("/", done);
'

# wait_for COMMAND...: until it succeeds, 10 s at most.
wait_for() {
  tries=0
  until "$@" > /dev/null 2>&1; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] || return 1
    sleep 0.05
  done
}

# end_server PID: asks it to end, and waits; sets `status`.
end_server() {
  kill -TERM "$1" 2> /dev/null
  wait "$1"
  status=$?
}

if can redis redis-server redis-cli; then
  ran=$((ran + 1))
  before=$failures
  "$tool" watch --json "$work/redis.json" --timeout 60 -- redis-server --port 0 \
    --unixsocket "$work/redis.sock" --dir "$work" --save '' --io-threads 3 \
    --io-threads-do-reads yes --appendonly yes \
    > "$work/redis.out" 2> "$work/redis.err" &
  server=$!
  servers="$servers $server"
  if wait_for redis-cli -s "$work/redis.sock" ping; then
    answer=$(printf 'set a 1\nincr a\nincrby a 40\nget a\nbgrewriteaof\nflushall async\n' |
      redis-cli -s "$work/redis.sock" | sed -n 4p)
    [ "$answer" = 42 ] || fail "redis: answered $answer"
    if command -v redis-benchmark > /dev/null 2>&1; then
      redis-benchmark -s "$work/redis.sock" -n 20000 -c 20 -P 8 -q \
        -t set,get,lpush,lpop > /dev/null 2>&1 || fail 'redis: the benchmark'
    fi
    "$tool" dump "$(pgrep -P "$server" -x redis-server)" > "$work/redis.dump" ||
      fail 'redis: no thread dump'
    [ -s "$work/redis.dump" ] || fail 'redis: an empty thread dump'
  else
    fail 'redis: does not answer'
    cat "$work/redis.out" "$work/redis.err"
  fi
  end_server $server
  [ $status -eq 0 ] || fail "redis: exit status $status"
  nothing_found redis
  [ $before -ne $failures ] || say 'passed  redis'
fi

if can nginx nginx curl; then
  ran=$((ran + 1))
  before=$failures
  mkdir -p "$work/www"
  chmod 711 "$work"
  cp "$work/data" "$work/www/data"
  chmod -R a+rX "$work/www"
  cat > "$work/nginx.conf" << END
daemon off;
worker_processes 2;
pid $work/nginx.pid;
error_log $work/nginx.log;
thread_pool default threads=4;
events { worker_connections 64; }
http {
  access_log off;
  aio threads;
  server { listen unix:$work/nginx.sock; root $work/www; }
}
END
  "$tool" watch --json "$work/nginx.json" --timeout 60 -- nginx -c "$work/nginx.conf" \
    > "$work/nginx.out" 2> "$work/nginx.err" &
  server=$!
  servers="$servers $server"
  if wait_for curl -sf --unix-socket "$work/nginx.sock" -o "$work/got" \
    http://localhost/data; then
    cmp -s "$work/got" "$work/data" || fail 'nginx: another file'
    for _ in 1 2 3 4 5 6 7 8; do
      curl -sf --unix-socket "$work/nginx.sock" http://localhost/data \
        > /dev/null || fail 'nginx: a request'
    done
    kill -HUP "$(cat "$work/nginx.pid")" # new workers
    wait_for curl -sf --unix-socket "$work/nginx.sock" -o "$work/got" \
      http://localhost/data || fail 'nginx: after a reload'
  else
    fail 'nginx: does not answer'
    cat "$work/nginx.out" "$work/nginx.err" "$work/nginx.log"
  fi
  end_server $server
  [ $status -eq 0 ] || fail "nginx: exit status $status"
  nothing_found nginx
  [ $before -ne $failures ] || say 'passed  nginx'
fi

say "$ran programs, $failures failures"
[ $ran -gt 0 ] || exit 77 # nothing could be run
[ $failures -eq 0 ]
