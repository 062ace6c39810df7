-- What finds sessions. Those that are not known to have ended are in chunks of ids, in order (a small sorted set
-- costs a fifth of a large one); `live` names the chunks by their lowest id, `due` holds for each a time before
-- which nobody in it expires. Those that have ended are in `ended`, by when. Either kind is also found by user.

local CHUNK = 128  -- what Redis keeps compact by default (zset-max-listpack-entries)
local LOWEST = string.rep('\0', 16)

local LIVE = {names = P .. 'live', chunks = P .. 'live:', due = P .. 'due'}

local function chunk(tree, name) return tree.chunks .. name end

local function chunk_of(tree, id)
  return redis.call('ZREVRANGEBYLEX', tree.names, '[' .. id, '-', 'LIMIT', 0, 1)[1] or LOWEST
end

local function open_chunk(tree, name, bound)
  redis.call('ZADD', tree.names, 0, name)
  if tree.due then redis.call('ZADD', tree.due, 'LT', bound, name) end
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
local function split(tree, name, id, expires)
  local last = redis.call('ZREVRANGE', chunk(tree, name), 0, 0)[1]
  if before(last, id) then return id end  -- ids come in order: the full one stays full
  local upper = redis.call('ZRANGE', chunk(tree, name), CHUNK / 2, -1)
  local new = upper[1]
  redis.call('ZREM', chunk(tree, name), unpack(upper))
  add_all(chunk(tree, new), upper)
  open_chunk(tree, new, tree.due and redis.call('ZSCORE', tree.due, name) or expires)
  return before(id, new) and name or new
end

-- Answers whether it went into a new chunk.
local function add(tree, id, expires)
  local name = chunk_of(tree, id)
  local size = redis.call('ZCARD', chunk(tree, name))
  if size >= CHUNK then name = split(tree, name, id, expires) end
  redis.call('ZADD', chunk(tree, name), 0, id)
  if size == 0 or size >= CHUNK then
    open_chunk(tree, name, expires)
    return true
  end
  if tree.due then redis.call('ZADD', tree.due, 'LT', expires, name) end
  return false
end

local function close_if_empty(tree, name)
  if redis.call('EXISTS', chunk(tree, name)) == 0 then
    redis.call('ZREM', tree.names, name)
    if tree.due then redis.call('ZREM', tree.due, name) end
  end
end

-- A chunk that has become small goes into the one before, so that those who stay do not keep a chunk each.
local function join(tree, name)
  local size = redis.call('ZCARD', chunk(tree, name))
  if size == 0 or size > CHUNK / 8 then return end
  local last = redis.call('ZREVRANGEBYLEX', tree.names, '(' .. name, '-', 'LIMIT', 0, 1)[1]
  if not last or redis.call('ZCARD', chunk(tree, last)) > CHUNK / 2 then return end
  add_all(chunk(tree, last), redis.call('ZRANGE', chunk(tree, name), 0, -1))
  if tree.due then redis.call('ZADD', tree.due, 'LT', redis.call('ZSCORE', tree.due, name), last) end
  redis.call('DEL', chunk(tree, name))
  close_if_empty(tree, name)
end

local function leave(tree, name, ids)
  if #ids > 0 then redis.call('ZREM', chunk(tree, name), unpack(ids)) end
  close_if_empty(tree, name)
  if not tree.due then join(tree, name) end  -- with `due`, when it is looked at
end

-- Those in `ids` go. Newest first: neighbours, which share a chunk, leave it together.
local function remove(tree, ids)
  local name, leaving
  for _, id in ipairs(ids) do
    if not name or before(id, name) then
      if name then leave(tree, name, leaving) end
      name, leaving = chunk_of(tree, id), {}
    end
    leaving[#leaving + 1] = id
  end
  if name then leave(tree, name, leaving) end
end

-- Those in `ids` live no longer; newest first.
local function remove_live(ids) remove(LIVE, ids) end

-- Ids below `below`, newest first: up to `count`, and all of one chunk.
local function ids_below(tree, below, count)
  local bound = below == '' and '+' or '(' .. below
  local name = redis.call('ZREVRANGEBYLEX', tree.names, bound, '-', 'LIMIT', 0, 1)[1]
  if not name then return {} end
  local ids = redis.call('ZREVRANGEBYLEX', chunk(tree, name), bound, '-', 'LIMIT', 0, count)
  if #ids == 0 then return ids_below(tree, name, count) end  -- all of the chunk is above
  return ids
end

-- ── by user ────────────────────────────────────────────────────────────────────────────────────
-- Up to three ids stand in a field of a hash that the users of one bucket share, so that both stay compact;
-- more are a sorted set of their own, and the field is empty.

local SMALL = 48

local function bucket(id) return struct.unpack('>I2', id, 7) % 4096 end

local function without(ids, leaving)
  local rest = ''
  for n = 1, #ids, 16 do
    local id = ids:sub(n, n + 15)
    if not leaving[id] then rest = rest .. id end
  end
  return rest
end

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
  if ids == '' then
    redis.call('ZREM', set, id)
    if redis.call('EXISTS', set) == 1 then return end
  end
  local rest = without(ids, {[id] = true})
  if rest == '' then redis.call('HDEL', hash, user) else redis.call('HSET', hash, user, rest) end
end

local function few_below(ids, below)
  local found = {}
  for n = 1, #ids, 16 do
    local id = ids:sub(n, n + 15)
    if below == '' or before(id, below) then found[#found + 1] = id end
  end
  table.sort(found, function(a, b) return before(b, a) end)
  return found
end

-- Up to `count` ids of a user below `after`, newest first.
local function ids_of(index, user, number, after, count)
  local ids = redis.call('HGET', P .. index .. ':' .. number, user)
  if not ids then return {} end
  if ids == '' then
    local below = after == '' and '+' or '(' .. after
    return redis.call('ZREVRANGEBYLEX', P .. index .. ':' .. user, below, '-', 'LIMIT', 0, count)
  end
  return few_below(ids, after)
end

-- ── by application, by tenant ──────────────────────────────────────────────────────────────────
-- Only what lives, and only of sessions that have one. Again up to three ids stand in a field of a hash; more are
-- chunks of their own like those of `live`. In a shard that was written to before there was this index, `grouped`
-- is not set until `group.lua` has added what lived then.

local KINDS = {'apps', 'tenants'}

local function hash_of(kind, name) return P .. kind .. ':' .. tonumber(redis.sha1hex(name):sub(1, 2), 16) end

-- A name may be anything: what follows it in the key of a chunk has one length, so no two are the same.
local function tree_of(kind, name) return {names = P .. kind .. ':' .. name, chunks = P .. kind .. '.' .. name} end

local function add_to_group(kind, name, id)
  if name == '' then return end
  local hash = hash_of(kind, name)
  local ids = redis.call('HGET', hash, name)
  if not ids or (ids ~= '' and #ids < SMALL) then
    if ids and without(ids, {[id] = true}) ~= ids then return end  -- `group.lua` came later
    redis.call('HSET', hash, name, (ids or '') .. id)
    return
  end
  local tree = tree_of(kind, name)
  for n = 1, #ids, 16 do add(tree, ids:sub(n, n + 15)) end
  add(tree, id)
  if ids ~= '' then redis.call('HSET', hash, name, '') end
end

local function remove_from_group(kind, name, leaving)
  local hash = hash_of(kind, name)
  local ids = redis.call('HGET', hash, name)
  if not ids then return end
  local rest = ''
  if ids == '' then
    local tree = tree_of(kind, name)
    local sorted = {}
    for id in pairs(leaving) do sorted[#sorted + 1] = id end
    table.sort(sorted, function(a, b) return before(b, a) end)
    remove(tree, sorted)
    if redis.call('EXISTS', tree.names) == 1 then return end
  else
    rest = without(ids, leaving)
  end
  if rest == '' then redis.call('HDEL', hash, name) else redis.call('HSET', hash, name, rest) end
end

local function ids_of_group(kind, name, below, count)
  local ids = redis.call('HGET', hash_of(kind, name), name)
  if not ids then return {} end
  if ids == '' then return ids_below(tree_of(kind, name), below, count) end
  return few_below(ids, below)
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

-- Who leaves which application and tenant: kind, name, ids.
local left = {apps = {}, tenants = {}}

local function leave_groups(id, application, tenant)
  for n, name in ipairs({application, tenant}) do
    local of_kind = left[KINDS[n]]
    if name ~= '' then
      of_kind[name] = of_kind[name] or {}
      of_kind[name][id] = true
    end
  end
end

local function join_groups(id, application, tenant)
  add_to_group('apps', application, id)
  add_to_group('tenants', tenant, id)
end

local function settle()
  for kind, names in pairs(left) do
    for name, ids in pairs(names) do remove_from_group(kind, name, ids) end
  end
  for kind, change in pairs(changes) do
    if change ~= 0 then redis.call('HINCRBY', P .. 'counts', kind, change) end
  end
  write_scores()
end

local function begins(id, record, expires)
  local user, _, application, tenant = texts_of(record)
  if add(LIVE, id, expires) and redis.call('ZCARD', LIVE.names) == 1 then
    redis.call('SET', P .. 'grouped', '')  -- nobody was here before
  end
  add_to('users', user, id)
  join_groups(id, application, tenant)
  count(user, 1)
end

-- All but `remove_live` or `leave`: who ends many does that once for all of them.
local function ends(id, record, over)
  local user, _, application, tenant = texts_of(record)
  remove_from('users', user, id)
  leave_groups(id, application, tenant)
  count(user, -1)
  if over then is_over(id, user, over) end
end
