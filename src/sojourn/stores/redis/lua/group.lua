-- ARGV: how many records to look at. Adds what lived before there were these indexes to those of its application and
-- tenant, newest first. Answers whether to go on.

local budget, after = tonumber(ARGV[1]), redis.call('GET', P .. 'grouping') or ''

while budget > 0 do
  local ids = ids_below(LIVE, after, budget)
  if #ids == 0 then
    redis.call('SET', P .. 'grouped', '')
    redis.call('DEL', P .. 'grouping')
    return 0
  end
  for _, id in ipairs(ids) do
    local record = redis.call('GET', session(id))
    if record then
      local _, _, application, tenant = texts_of(record)
      join_groups(id, application, tenant)
    end
  end
  after, budget = ids[#ids], budget - #ids
end
redis.call('SET', P .. 'grouping', after)
return 1
