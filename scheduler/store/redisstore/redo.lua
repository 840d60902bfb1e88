#!lua
-- Redo: from now on note what is committed (commit.lua), for a snapshot.
--
-- KEYS[1]  the revision counter; KEYS[2] and KEYS[3] the redo logs
-- ARGV[1]  for how many ms: whoever takes the snapshot says it again and again
-- returns  the revision, or -1 where somebody else takes a snapshot

if redis.call('EXISTS', KEYS[2], KEYS[3]) > 0 then
  return {-1}
end
local revision = tonumber(redis.call('GET', KEYS[1]) or 0)
for i = 2, 3 do
  redis.call('XADD', KEYS[i], string.format('%.0f-1', revision), 'v', '')
  redis.call('PEXPIRE', KEYS[i], ARGV[1])
end
return {revision}
