#!lua flags=no-writes
-- Stamp: which server answers, its time, and the namespace's revision.
--
-- KEYS[1]  the revision counter
-- returns  {revision, now_us, run_id}

local clock = redis.call('TIME')
return {
  tonumber(redis.call('GET', KEYS[1]) or 0),
  clock[1] * 1000000 + clock[2],
  string.match(redis.call('INFO', 'server'), 'run_id:(%x+)'),
}
