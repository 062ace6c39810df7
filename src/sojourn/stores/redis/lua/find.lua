-- ARGV 1-17: what is asked; see `redis_query.py`. `each` looks at no more than `budget` records, newest id first, and
-- says after which one to go on, or '' when there are no more.

local how, asked_id, asked_user, asked_bucket, after = unpack(ARGV, 1, 5)
local limit, budget = tonumber(ARGV[6]), tonumber(ARGV[7])
local except, application, tenant, device = unpack(ARGV, 8, 11)
local live_at, ended_since, ended_by = tonumber(ARGV[12]), tonumber(ARGV[13]), tonumber(ARGV[14])
local signed_in, lowest, seen_since = ARGV[15], ARGV[16], tonumber(ARGV[17])

if (how == 'apps' or how == 'tenants') and redis.call('EXISTS', P .. 'grouped') == 0 then how = 'live' end

local function in_window(h, record)
  local over = revoked_at(h, record)
  if over == NEVER then over = h.expires end
  return over >= ended_since and over <= ended_by
end

local function matches(id, record, h)
  if id == except then return false end
  if live_at and (h.state ~= LIVES or h.expires <= live_at) then return false end
  if seen_since and h.seen < seen_since then return false end
  if ended_since and not in_window(h, record) then return false end
  if asked_user .. application .. tenant .. device .. signed_in == '' then return true end
  local u, d, a, t = texts_of(record)
  return (asked_user == '' or u == asked_user) and (application == '' or a == application)
    and (tenant == '' or t == tenant) and (device == '' or d == device) and (signed_in == '' or u ~= '')
end

-- The ids of a user below `below`, of the living or of all, newest first.
local function of_user(below, number)
  local ids = ids_of('users', asked_user, asked_bucket, below, number)
  if live_at then return ids end
  for _, id in ipairs(ids_of('past', asked_user, asked_bucket, below, number)) do ids[#ids + 1] = id end
  table.sort(ids, function(a, b) return before(b, a) end)
  for n = #ids, number + 1, -1 do ids[n] = nil end  -- below that, one of the two may have more
  return ids
end

local function more(below)
  if how == 'user' then return of_user(below, 200) end
  if how == 'apps' then return ids_of_group(how, application, below, budget) end
  if how == 'tenants' then return ids_of_group(how, tenant, below, budget) end
  if how == 'live' then return ids_below(LIVE, below, budget) end
  return (below == '' or before(asked_id, below)) and {asked_id} or {}
end

local function each(visit)
  while budget > 0 do
    local ids = more(after)
    if #ids == 0 then return '' end
    for _, id in ipairs(ids) do
      if budget == 0 or limit == 0 then return after end
      if lowest ~= '' and before(id, lowest) then return '' end
      local record = redis.call('GET', session(id))
      local h = record and head_of(record)
      after, budget = id, budget - 1
      if record and matches(id, record, h) then
        visit(id, record, h)
        limit = limit - 1
      end
    end
  end
  return after
end
