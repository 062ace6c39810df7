-- ARGV[18]: '1' to have the users named. Answers where to go on, how many match, and each user once.

local number, users, known = 0, {}, {}
local go_on = each(function(_, record)
  number = number + 1
  if ARGV[18] == '1' then
    local user = user_of(record)
    if user ~= '' and not known[user] then
      known[user] = true
      users[#users + 1] = user
    end
  end
end)
return {go_on, number, unpack(users)}
