-- ARGV: id, record, channel, mark, at, reason. Answers whether it was done.

local id, record, channel, marked, at, reason = unpack(ARGV, 1, 6)
local new = head_of(record)
local stored = redis.call('GET', session(id))
local old = stored and head_of(stored)

if not stored or old.version ~= new.version - 1 or old.state ~= LIVES or old.expires <= tonumber(at) then
  mark(marked)
  return 0
end
new.seen = math.max(old.seen, new.seen)
new.expires = math.min(math.max(old.expires, new.expires), new.ends)
if old.generation == new.generation and old.confirmed ~= NEVER then new.confirmed = old.confirmed end
redis.call('SET', session(id), packed(new) .. record:sub(HEAD_SIZE + 1))

local before_user, _, before_application, before_tenant = texts_of(stored)
local user, _, application, tenant = texts_of(record)
if new.state == REVOKED then
  local over = revoked_at(new, record)
  ends(id, stored)
  remove_live({id})
  is_over(id, user, over)
  write_line(id, new.version, over, reason)
else
  if before_user ~= user then
    remove_from('users', before_user, id)
    count(before_user, -1)
    add_to('users', user, id)
    count(user, 1)
  end
  if before_application ~= application then
    remove_from_group('apps', before_application, {[id] = true})
    add_to_group('apps', application, id)
  end
  if before_tenant ~= tenant then
    remove_from_group('tenants', before_tenant, {[id] = true})
    add_to_group('tenants', tenant, id)
  end
  if new.expires < old.expires then redis.call('ZADD', P .. 'due', 'LT', new.expires, chunk_of(LIVE, id)) end
  if new.void_below > old.void_below then write_line(id, new.version, NEVER, '') end
end
settle()
tell(channel)
mark(marked)
return 1
