#!lua
-- Commit: if this server is the one that was read and all guards hold, then
-- take the next revision and make all effects.
--
-- KEYS[1]    the revision counter
-- KEYS[2..]  the key of each guard, then of each effect but notify
-- ARGV[1]    run id under which the caller read
-- ARGV[2]    number of guards
-- ARGV[3..]  the guards, then the effects, each a word and its operands:
--              at VERSION · most N LIMIT · empty
--              put VALUE TTL_MS · del · index MEMBER · unindex MEMBER ·
--              add N · append VALUE KEEP · drop · notify CHANNEL VALUE
-- returns    {word, number, now_us, run_id}:
--              ok REVISION · guard INDEX (the first that does not hold) · identity 0
-- errors     KIND (a key names something else), RANGE (a counter would overflow)
--
-- A script is not rolled back, so every way to fail comes before the first
-- write. Notices go first among the effects: their channel is the one name that
-- Redis has not compared with the caller's ACL before the script began, and
-- subscribers hear nothing until the script ends.

local call, format = redis.call, string.format
local max_counter = 2 ^ 52
local run_id = string.match(call('INFO', 'server'), 'run_id:(%x+)')
local clock = call('TIME')

local function answer(word, number)
  return {word, number, clock[1] * 1000000 + clock[2], run_id}
end

if run_id ~= ARGV[1] then
  return answer('identity', 0)
end

local key_at, arg_at = 1, 2

local function key()
  key_at = key_at + 1
  return KEYS[key_at]
end

local function arg()
  arg_at = arg_at + 1
  return ARGV[arg_at]
end

local failure

-- A record is VERSION:BYTES, a counter an integer: both are strings of Redis.
local function version_of(k)
  local head = call('GETRANGE', k, 0, 16)
  if head == '' then
    return '0'
  end
  local version = string.match(head, '^(%d+):')
  if not version then
    failure = '-KIND ' .. k
  end
  return version
end

local function counter(k)
  local digits = call('GETRANGE', k, 0, 20)
  if digits == '' then
    return 0
  end
  if not string.match(digits, '^-?%d+$') then
    failure = '-KIND ' .. k
    return 0
  end
  return tonumber(digits)
end

local function holds()
  local word, k = arg(), key()
  if word == 'at' then
    return version_of(k) == arg()
  elseif word == 'most' then
    local n, limit = tonumber(arg()), tonumber(arg())
    return counter(k) + n <= limit
  end
  return call('ZCARD', k) == 0
end

for i = 0, ARGV[2] - 1 do
  local ok = holds()
  if failure then
    return redis.error_reply(failure)
  end
  if not ok then
    return answer('guard', i)
  end
end

-- First pass over the effects: whatever could fail, and the notices.
local first_key, first_arg = key_at, arg_at
local sums, notices = {}, {}

local function check_add(k, n)
  local sum = (sums[k] or counter(k)) + n
  sums[k] = sum
  if sum > max_counter or sum < -max_counter then
    failure = failure or '-RANGE ' .. k
  end
end

local checks = {
  put = function() version_of(key()) arg() arg() end,
  del = function() version_of(key()) end,
  index = function() call('ZCARD', key()) arg() end,
  unindex = function() call('ZCARD', key()) arg() end,
  add = function() check_add(key(), tonumber(arg())) end,
  append = function() call('XLEN', key()) arg() arg() end,
  drop = function() call('XLEN', key()) end,
  notify = function() notices[#notices + 1] = arg() notices[#notices + 1] = arg() end,
}

while arg_at < #ARGV do
  checks[arg()]()
end
if failure then
  return redis.error_reply(failure)
end

-- Second pass: nothing fails from here on.
for i = 1, #notices, 2 do
  call('PUBLISH', notices[i], notices[i + 1])
end

local revision = call('INCR', KEYS[1])
local version = format('%.0f', revision)
local appended = 0

local function put(k, value, ttl_ms)
  if ttl_ms == '0' then
    call('SET', k, version .. ':' .. value)
  else
    call('SET', k, version .. ':' .. value, 'PX', ttl_ms)
  end
end

local function add(k, n)
  if call('INCRBY', k, n) == 0 then
    call('UNLINK', k)
  end
end

local function append(k, value, keep)
  call('XADD', k, 'MAXLEN', keep, version .. '-' .. format('%.0f', appended), 'v', value)
  appended = appended + 1
end

local effects = {
  put = function() put(key(), arg(), arg()) end,
  del = function() call('UNLINK', key()) end,
  index = function() call('ZADD', key(), 0, arg()) end,
  unindex = function() call('ZREM', key(), arg()) end,
  add = function() add(key(), arg()) end,
  append = function() append(key(), arg(), arg()) end,
  drop = function() call('UNLINK', key()) end,
  notify = function() arg() arg() end,
}

key_at, arg_at = first_key, first_arg
while arg_at < #ARGV do
  effects[arg()]()
end

return answer('ok', revision)
