#!lua
-- Allocate: add to a counter and say which server did.
--
-- KEYS[1]  the counter; KEYS[2] the revision counter; KEYS[3] the redo log, which is
--          there while somebody takes a snapshot
-- ARGV[1]  how many numbers
-- returns  {last number, run_id}
-- errors   KIND (the key names something else), RANGE (the counter would overflow)

local digits = redis.call('GETRANGE', KEYS[1], 0, 20)
if digits ~= '' and not string.match(digits, '^-?%d+$') then
  return redis.error_reply('-KIND ' .. KEYS[1])
end
if (tonumber(digits) or 0) + ARGV[1] > 2 ^ 52 then
  return redis.error_reply('-RANGE ' .. KEYS[1])
end
local last = redis.call('INCRBY', KEYS[1], ARGV[1])
if last == 0 then
  redis.call('UNLINK', KEYS[1])
end
if redis.call('EXISTS', KEYS[3]) == 1 then
  local revision = redis.call('GET', KEYS[2]) or '0'
  redis.call('XADD', KEYS[3], revision .. '-*', 'v', KEYS[1] .. ' ' .. string.format('%.0f', last))
end
return {last, string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')}
