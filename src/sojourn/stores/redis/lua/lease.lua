-- ARGV: name, holder, at, until. Answers whether the holder has it.

local key = P .. 'lease:' .. ARGV[1]
local present = redis.call('HMGET', key, 'holder', 'until')
if present[1] and present[1] ~= ARGV[2] and tonumber(present[2]) > tonumber(ARGV[3]) then return 0 end
redis.call('HSET', key, 'holder', ARGV[2], 'until', ARGV[4])
return 1
