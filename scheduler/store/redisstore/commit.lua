#!lua
-- Commit: if this server is the one that was read and all guards hold, then
-- take the next revision and make all effects.
--
-- KEYS[1]    the revision counter
-- KEYS[1+i]  the key of item i: first the guards, then the effects (a notice,
--            which has none, gives KEYS[1])
-- ARGV[1]    run id under which the caller read
-- ARGV[2]    number of guards
-- ARGV[3i…]  a word and two operands for item i, '' where it needs fewer:
--              guards   at VERSION · most N LIMIT · empty
--              effects  put VALUE TTL_MS · del · index MEMBER · unindex MEMBER ·
--                       add N · append VALUE KEEP · drop · notify CHANNEL VALUE
-- returns    {word, number, now_us, run_id}:
--              ok REVISION · guard INDEX (the first that does not hold) · identity 0
-- errors     KIND (a key names something else), RANGE (a counter would overflow)
--
-- A script is not rolled back, so every way to fail comes before the first
-- write. It is on the path of every job and written out accordingly: a closure
-- more costs each commit a µs. What costs most is each call of Redis, so what
-- stands side by side and can be one call is one.

local call, find, match = redis.call, string.find, string.match

local function answer(word, number)
  local info, clock = call('INFO', 'server'), call('TIME')
  return {word, number, clock[1] * 1000000 + clock[2], match(info, 'run_id:(%x+)')}
end

-- Looking for the wanted id is much cheaper than matching the one that is there.
if not find(call('INFO', 'server'), 'run_id:' .. ARGV[1] .. '\r', 1, true) then
  return answer('identity', 0)
end

-- Records (VERSION:BYTES) and counters are both Redis' strings; their first
-- bytes tell which. A sorted set or a stream fails here by itself (WRONGTYPE),
-- as a string does below at ZCARD and XLEN.
local failure

local function version_of(key)
  local head = call('GETRANGE', key, 0, 16)
  if head == '' then
    return '0'
  end
  local version = match(head, '^(%d+):')
  if not version then
    failure = '-KIND ' .. key
  end
  return version
end

local function counter(key)
  local digits = call('GETRANGE', key, 0, 20)
  if digits == '' then
    return 0
  end
  if not match(digits, '^-?%d+$') then
    failure = '-KIND ' .. key
    return 0
  end
  return tonumber(digits)
end

local guards, items = tonumber(ARGV[2]), #KEYS - 1
local seen = {} -- versions of records, what the effects make of counters, other keys that were looked at

for i = 1, guards do
  local key, word, x, y = KEYS[1 + i], ARGV[3 * i], ARGV[3 * i + 1], ARGV[3 * i + 2]
  local holds
  if word == 'at' then
    seen[key] = version_of(key)
    holds = seen[key] == x
  elseif word == 'most' then
    holds = counter(key) + x <= tonumber(y)
  else -- empty
    holds = call('ZCARD', key) == 0
  end
  if failure then
    return redis.error_reply(failure)
  end
  if not holds then
    return answer('guard', i - 1)
  end
end

-- Lua's stack bounds how many arguments one call may have.
local WIDE = 1000
local list, n = {}, 0 -- what the next such call is given

-- Whatever of the effects could fail, and the notices: a channel is the one name
-- that Redis did not compare with the caller's ACL before the script began, and
-- subscribers hear nothing until the script has ended.
local records = 0 -- in list: keys that no guard looked at
for i = guards + 1, items do
  local key, word, x, y = KEYS[1 + i], ARGV[3 * i], ARGV[3 * i + 1], ARGV[3 * i + 2]
  if word == 'put' or word == 'del' then
    if not seen[key] then
      records = records + 1
      seen[key], list[records] = true, key
    end
  elseif word == 'index' or word == 'unindex' then
    seen[key] = seen[key] or call('ZCARD', key)
  elseif word == 'add' then
    seen[key] = (seen[key] or counter(key)) + x
    if math.abs(seen[key]) > 2 ^ 52 then
      failure = failure or '-RANGE ' .. key
    end
  elseif word == 'append' or word == 'drop' then
    seen[key] = seen[key] or call('XLEN', key)
  else -- notify
    call('PUBLISH', x, y)
  end
  if failure then
    break
  end
end

-- New records are the many: where none of them is there, none is of another
-- kind. One that is stands before whatever failed above.
for from = 1, records, WIDE do
  local to = math.min(from + WIDE - 1, records)
  if call('EXISTS', unpack(list, from, to)) > 0 then
    for i = from, to do
      version_of(list[i])
    end
  end
end
if failure then
  return redis.error_reply(failure)
end

-- Nothing fails from here on.
local revision = call('INCR', KEYS[1])
local version = string.format('%.0f', revision)
local prefix, appended = version .. ':', 0

list = {}
for i = guards + 1, items do
  local key, word, x, y = KEYS[1 + i], ARGV[3 * i], ARGV[3 * i + 1], ARGV[3 * i + 2]
  local following = ARGV[3 * i + 3] == word and n < WIDE -- may join this one
  if word == 'put' then
    if y == '0' then
      list[n + 1], list[n + 2] = key, prefix .. x
      n = n + 2
      if not following or ARGV[3 * i + 5] ~= '0' then
        call('MSET', unpack(list, 1, n))
        n = 0
      end
    else
      call('SET', key, prefix .. x, 'PX', y)
    end
  elseif word == 'index' then
    list[n + 1], list[n + 2] = 0, x
    n = n + 2
    if not following or KEYS[2 + i] ~= key then
      call('ZADD', key, unpack(list, 1, n))
      n = 0
    end
  elseif word == 'unindex' then
    call('ZREM', key, x)
  elseif word == 'add' then
    if call('INCRBY', key, x) == 0 then
      call('UNLINK', key)
    end
  elseif word == 'append' then
    local id = version .. '-' .. appended
    appended = appended + 1
    -- The last of several makes room for all.
    if following and KEYS[2 + i] == key and ARGV[3 * i + 5] == y then
      call('XADD', key, id, 'v', x)
    else
      call('XADD', key, 'MAXLEN', y, id, 'v', x)
    end
  elseif word == 'del' or word == 'drop' then
    call('UNLINK', key)
  end
end

local clock = call('TIME')
return {'ok', revision, clock[1] * 1000000 + clock[2], ARGV[1]}
