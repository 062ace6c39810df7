-- What finds sessions. Those that are not known to have ended are in chunks of ids, in order (a small sorted set
-- costs a fifth of a large one); `live` names the chunks by their lowest id, `due` holds for each a time before
-- which nobody in it expires. Those that have ended are in `ended`, by when. Either kind is also found by user.

local CHUNK = 128  -- what Redis keeps compact by default (zset-max-listpack-entries)
local LOWEST = string.rep('\0', 16)

local function chunk(name) return P .. 'live:' .. name end

local function chunk_of(id)
  return redis.call('ZREVRANGEBYLEX', P .. 'live', '[' .. id, '-', 'LIMIT', 0, 1)[1] or LOWEST
end

local function open_chunk(name, bound)
  redis.call('ZADD', P .. 'live', 0, name)
  redis.call('ZADD', P .. 'due', 'LT', bound, name)
end

local function add_all(set, ids)
  local members = {}
  for _, id in ipairs(ids) do
    members[#members + 1] = 0
    members[#members + 1] = id
  end
  redis.call('ZADD', set, unpack(members))
end

-- Half of a full chunk goes into a new one; the name of the one that id belongs to.
local function split(name, id, expires)
  local last = redis.call('ZREVRANGE', chunk(name), 0, 0)[1]
  if before(last, id) then return id end  -- ids come in order: the full one stays full
  local upper = redis.call('ZRANGE', chunk(name), CHUNK / 2, -1)
  local new = upper[1]
  redis.call('ZREM', chunk(name), unpack(upper))
  add_all(chunk(new), upper)
  open_chunk(new, redis.call('ZSCORE', P .. 'due', name) or expires)
  return before(id, new) and name or new
end

local function add_live(id, expires)
  local name = chunk_of(id)
  local size = redis.call('ZCARD', chunk(name))
  if size >= CHUNK then name = split(name, id, expires) end
  redis.call('ZADD', chunk(name), 0, id)
  if size == 0 or size >= CHUNK then
    open_chunk(name, expires)
  else
    redis.call('ZADD', P .. 'due', 'LT', expires, name)
  end
end

local function close_if_empty(name)
  if redis.call('EXISTS', chunk(name)) == 0 then
    redis.call('ZREM', P .. 'live', name)
    redis.call('ZREM', P .. 'due', name)
  end
end

-- A chunk that has become small goes into the one before, so that those who stay do not keep a chunk each.
local function join(name)
  local size = redis.call('ZCARD', chunk(name))
  if size == 0 or size > CHUNK / 8 then return end
  local last = redis.call('ZREVRANGEBYLEX', P .. 'live', '(' .. name, '-', 'LIMIT', 0, 1)[1]
  if not last or redis.call('ZCARD', chunk(last)) > CHUNK / 2 then return end
  add_all(chunk(last), redis.call('ZRANGE', chunk(name), 0, -1))
  redis.call('ZADD', P .. 'due', 'LT', redis.call('ZSCORE', P .. 'due', name), last)
  redis.call('DEL', chunk(name))
  close_if_empty(name)
end

local function leave(name, ids)
  if #ids > 0 then redis.call('ZREM', chunk(name), unpack(ids)) end
  close_if_empty(name)
end

-- Those in `ids` live no longer. Newest first: neighbours, which share a chunk, leave it together.
local function remove_live(ids)
  local name, leaving
  for _, id in ipairs(ids) do
    if not name or before(id, name) then
      if name then leave(name, leaving) end
      name, leaving = chunk_of(id), {}
    end
    leaving[#leaving + 1] = id
  end
  if name then leave(name, leaving) end
end

-- ── by user ────────────────────────────────────────────────────────────────────────────────────
-- Up to three ids stand in a field of a hash that the users of one bucket share, so that both stay compact;
-- more are a sorted set of their own, and the field is empty.

local SMALL = 48

local function bucket(id) return struct.unpack('>I2', id, 7) % 4096 end

local function add_to(index, user, id)
  if user == '' then return end
  local hash, set = P .. index .. ':' .. bucket(id), P .. index .. ':' .. user
  local ids = redis.call('HGET', hash, user)
  if not ids or (ids ~= '' and #ids < SMALL) then
    redis.call('HSET', hash, user, (ids or '') .. id)
    return
  end
  for n = 1, #ids, 16 do redis.call('ZADD', set, 0, ids:sub(n, n + 15)) end
  redis.call('ZADD', set, 0, id)
  if ids ~= '' then redis.call('HSET', hash, user, '') end
end

local function remove_from(index, user, id)
  if user == '' then return end
  local hash, set = P .. index .. ':' .. bucket(id), P .. index .. ':' .. user
  local ids = redis.call('HGET', hash, user)
  if not ids then return end
  local rest = ''
  if ids == '' then
    redis.call('ZREM', set, id)
    if redis.call('EXISTS', set) == 1 then return end
  end
  for n = 1, #ids, 16 do
    local other = ids:sub(n, n + 15)
    if other ~= id then rest = rest .. other end
  end
  if rest == '' then redis.call('HDEL', hash, user) else redis.call('HSET', hash, user, rest) end
end

-- Up to `count` ids of a user below `after`, newest first.
local function ids_of(index, user, number, after, count)
  local ids = redis.call('HGET', P .. index .. ':' .. number, user)
  if not ids then return {} end
  if ids == '' then
    local below = after == '' and '+' or '(' .. after
    return redis.call('ZREVRANGEBYLEX', P .. index .. ':' .. user, below, '-', 'LIMIT', 0, count)
  end
  local found = {}
  for n = 1, #ids, 16 do
    local id = ids:sub(n, n + 15)
    if after == '' or before(id, after) then found[#found + 1] = id end
  end
  table.sort(found, function(a, b) return before(b, a) end)
  return found
end

-- ── beginning and end ──────────────────────────────────────────────────────────────────────────

-- What many of one script have in common is written once, by `settle`, which is the last thing of it.

local changes, scores = {users = 0, visitors = 0}, {}

local function count(user, change)
  local kind = user == '' and 'visitors' or 'users'
  changes[kind] = changes[kind] + change
end

local function write_scores()
  if #scores > 0 then redis.call('ZADD', P .. 'ended', unpack(scores)) end
  scores = {}
end

local function is_over(id, user, over)
  if #scores >= 2000 then write_scores() end  -- Lua hands over no more than some thousand values
  scores[#scores + 1] = over
  scores[#scores + 1] = id
  add_to('past', user, id)
end

local function settle()
  for kind, change in pairs(changes) do
    if change ~= 0 then redis.call('HINCRBY', P .. 'counts', kind, change) end
  end
  write_scores()
end

local function begins(id, user, expires)
  add_live(id, expires)
  add_to('users', user, id)
  count(user, 1)
end

-- All but `remove_live` or `leave`: who ends many does that once for all of them.
local function ends(id, user, over)
  remove_from('users', user, id)
  count(user, -1)
  if over then is_over(id, user, over) end
end
