#!lua flags=no-writes
-- Stamp: which server answers, its time, and the namespace's revision.
--
-- KEYS[1]  the revision counter
-- returns  {revision, now_us, run_id}

local clock, info = redis.call('TIME'), redis.call('INFO', 'server')
local _, before = string.find(info, 'run_id:', 1, true)
return {
  tonumber(redis.call('GET', KEYS[1]) or 0),
  clock[1] * 1000000 + clock[2],
  string.sub(info, before + 1, before + 40),
}
