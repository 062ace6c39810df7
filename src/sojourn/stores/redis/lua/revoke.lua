-- ARGV 18-22: at, tail, reason, channel, mark. Answers where to go on, then the ids that ended.

local answer, ending, ids = {''}, {}, {}
answer[1] = each(function(id, record, h) ending[#ending + 1] = {id, record, h} end)
for _, one in ipairs(ending) do
  revoke(one[1], one[2], one[3], tonumber(ARGV[18]), ARGV[19], ARGV[20])
  ids[#ids + 1] = one[1]
  answer[#answer + 1] = one[1]
end
remove_live(ids)
settle()
tell(ARGV[21])
mark(ARGV[22])
return answer
