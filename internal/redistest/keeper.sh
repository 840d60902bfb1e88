# The keeper of one redis-server: the parent that outlives the test's mistakes.
#
# It takes one command a line on its standard input, answers "keeper: DONE", and
# when the input ends, because the test binary has ended in whatever way, it
# kills the server and removes its folder. Being the parent, it alone signals
# the server, so the number cannot have become another process's.
#
# usage: sh keeper.sh DIR PROGRAM ARGS...
dir=$1
shift
cd "$dir" || exit 1
pid=
while read -r command; do
  case $command in
    start) "$@" </dev/null & pid=$! ;;
    kill) kill -KILL "$pid"; wait "$pid" 2>/dev/null; pid= ;;
    stop) kill -TERM "$pid"; wait "$pid"; pid= ;;
    pause) kill -STOP "$pid" ;;
    resume) kill -CONT "$pid" ;;
  esac
  echo "keeper: $command"
done
if [ -n "$pid" ]; then
  kill -KILL "$pid"
  wait "$pid" 2>/dev/null
fi
rm -rf "$dir"
