-- Answers where to go on, then id and record of each.

local page = {''}
page[1] = each(function(id, record)
  page[#page + 1] = id
  page[#page + 1] = record
end)
return page
