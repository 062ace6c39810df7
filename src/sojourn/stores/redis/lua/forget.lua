-- ARGV: at, then ids, newest first. Answers how many of them had ended, and are forgotten.

local at, keys, gone, leaving = tonumber(ARGV[1]), {}, {}, {}
for n = 2, #ARGV do
  local id = ARGV[n]
  local record = redis.call('GET', session(id))
  local over = record and redis.call('ZSCORE', P .. 'ended', id)
  if over then
    if tonumber(over) <= at then
      remove_from('past', user_of(record), id)
      gone[#gone + 1] = id
      keys[#keys + 1] = session(id)
    end
  elseif record and head_of(record).expires <= at then  -- nobody has noticed its end yet
    ends(id, record)
    leaving[#leaving + 1] = id
    keys[#keys + 1] = session(id)
  end
end
if #gone > 0 then redis.call('ZREM', P .. 'ended', unpack(gone)) end
remove_live(leaving)
if #keys > 0 then redis.call('DEL', unpack(keys)) end
settle()
return #keys
