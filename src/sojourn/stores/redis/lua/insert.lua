-- ARGV: id, record, channel, mark, cap's time or '', limit or '', action, tail and reason of the replaced, tail and
-- reason of the surplus. Answers 0 (known), 1 and who ended, or 2 and who is in the way.

local id, record, channel, marked, at, limit, action = unpack(ARGV, 1, 7)
local h = head_of(record)
local user, device = texts_of(record)
local answer, replaced, others = {1}, {}, {}

local function older(a, b) return before(a.id, b.id) end
local function idler(a, b)
  if a.head.seen ~= b.head.seen then return a.head.seen < b.head.seen end
  return before(a.id, b.id)
end

local function look(other)
  local found = redis.call('GET', session(other))
  local head = found and head_of(found)
  if not found or head.state ~= LIVES or head.expires <= tonumber(at) then return end
  local _, its_device = texts_of(found)
  local same = device ~= '' and its_device == device
  local among = same and replaced or others
  among[#among + 1] = {id = other, record = found, head = head}
end

local function all_others()
  local after = ''
  repeat
    local page = ids_of('users', user, bucket(id), after, 500)
    for _, other in ipairs(page) do look(other) end
    after = page[#page]
  until #page < 500
  table.sort(replaced, older)
  table.sort(others, action == 'end_idle' and idler or older)
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
  local over = limit == '' and 0 or #others - tonumber(limit) + 1
  if over > 0 and action == 'refuse' then
    answer = {2}
    for n = #others, 1, -1 do
      answer[#answer + 1] = others[n].id
      answer[#answer + 1] = others[n].record
    end
    return answer
  end
  for _, ending in ipairs(replaced) do finish(ending, ARGV[8], ARGV[9]) end
  for n = 1, over do finish(others[n], ARGV[10], ARGV[11]) end
end

redis.call('SET', session(id), record)
if h.state == REVOKED then
  is_over(id, user, revoked_at(h, record))
else
  begins(id, user, h.expires)
end
settle()
tell(channel)
mark(marked)
return answer
