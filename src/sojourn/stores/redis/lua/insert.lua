-- ARGV: id, record, channel, mark, cap's time or '', tail and reason of the replaced, tail and reason of the surplus;
-- then of each rule its limit, its action, and in what its sessions are like the new one (1 application, 2 tenant,
-- 4 profile). Answers 0 (known), 1 and who ended, or 2, the number of the rule, and who is in the way.

local id, record, channel, marked, at = unpack(ARGV, 1, 5)
local RULES = 10
local h = head_of(record)
local user, device, application, tenant = texts_of(record)
local profile = profile_of(h, record)
local answer, replaced, others = {1}, {}, {}

local function older(a, b) return before(a.id, b.id) end
local function idler(a, b)
  if a.head.seen ~= b.head.seen then return a.head.seen < b.head.seen end
  return before(a.id, b.id)
end

local function look(other)
  local found = redis.call('GET', session(other))
  local head = found and head_of(found)
  if not found or head.state ~= LIVES or head.expires <= tonumber(at) or head.format >= IMPERSONATION then return end
  local _, its_device, its_application, its_tenant = texts_of(found)
  local same_application, same_tenant = its_application == application, its_tenant == tenant
  local replaces = device ~= '' and its_device == device and same_application and same_tenant
  local among = replaces and replaced or others
  local alike = (same_application and 1 or 0) + (same_tenant and 2 or 0)
    + (profile_of(head, found) == profile and 4 or 0)
  among[#among + 1] = {id = other, record = found, head = head, alike = alike}
end

local function all_others()
  local after = ''
  repeat
    local page = ids_of('users', user, bucket(id), after, 500)
    for _, other in ipairs(page) do look(other) end
    after = page[#page]
  until #page < 500
  table.sort(replaced, older)
end

-- Those of the others whom a rule counts, and who do not end by one before it.
local function scope_of(same, order)
  local scope = {}
  for _, other in ipairs(others) do
    if not other.surplus and bit.band(other.alike, same) == same then scope[#scope + 1] = other end
  end
  table.sort(scope, order)
  return scope
end

local function all_in_the_way(rule, scope)
  answer = {2, rule}
  for n = #scope, 1, -1 do
    answer[#answer + 1] = scope[n].id
    answer[#answer + 1] = scope[n].record
  end
  return answer
end

-- Who is too many, in the order in which they end; or by which rule the new session is refused, and who is in the way.
local function surplus_of_all()
  local surplus = {}
  for n = RULES, #ARGV, 3 do
    local limit, action, same = tonumber(ARGV[n]), ARGV[n + 1], tonumber(ARGV[n + 2])
    local scope = scope_of(same, action == 'end_idle' and idler or older)
    local over = #scope - limit + 1
    if over > 0 and action == 'refuse' then return nil, (n - RULES) / 3 + 1, scope end
    for m = 1, over do
      scope[m].surplus = true
      surplus[#surplus + 1] = scope[m]
    end
  end
  return surplus
end

local function finish(ending, tail, reason)
  revoke(ending.id, ending.record, ending.head, tonumber(at), tail, reason)
  remove_live({ending.id})
  answer[#answer + 1] = ending.id
  answer[#answer + 1] = reason
end

if redis.call('EXISTS', session(id)) == 1 then return {0} end
if at ~= '' and user ~= '' then
  all_others()
  local surplus, rule, in_the_way = surplus_of_all()
  if not surplus then return all_in_the_way(rule, in_the_way) end
  for _, ending in ipairs(replaced) do finish(ending, ARGV[6], ARGV[7]) end
  for _, ending in ipairs(surplus) do finish(ending, ARGV[8], ARGV[9]) end
end

redis.call('SET', session(id), record)
if h.state == REVOKED then
  is_over(id, user, revoked_at(h, record))
else
  begins(id, record, h.expires)
end
settle()
tell(channel)
mark(marked)
return answer
