-- Stands behind gateway.lua, in one text with it, in the connection managers of Envoys whose filters have no context and
-- share no VM. A rule with one backend that is asked once needs no script of its cluster: the request is made that
-- provider's own before it is routed. All other attempts are attempt.lua's.

-- What is learnt in the attempts' VM: clusters that cool down, and till when.
local COOLING_NS = 'headgate.cooling'

on_request = function(handle)
  listener_request(handle)
  local route = facts_of(handle:metadata())
  if route and route.sole then backend_request(handle, route.sole) end
end

-- The route tells by the number of attempts and the response flags whether the one backend was asked, and whether it has
-- answered or Envoy. Of one that served listener_response tells.
local function note_sole_answer(handle, backend)
  local headers = handle:headers()
  local attempts, flags = match(headers:get('x-headgate-backend') or '', '^(%d*)(.*)$')
  local status = headers:get(':status')
  headers:remove('x-headgate-backend')
  local asked = attempts ~= '' and attempts ~= '0'
  if asked and flags == '-' and byte(status) < 52 then return end -- below 400
  local metadata = handle:streamInfo():dynamicMetadata()
  local notes = metadata:get(NS)
  if not notes or notes.tried ~= backend.name then return end
  if not asked then return metadata:set(NS, 'tried', '') end
  local outcome = flags == '-' and status or flags == 'UH' and 'no-endpoint' or 'no-answer'
  metadata:set(NS, 'tried', backend.name .. '=' .. outcome)
end

local function learn_from_attempts(handle)
  local till = handle:streamInfo():dynamicMetadata():get(COOLING_NS)
  for cluster, time in pairs(till or {}) do cooling[cluster] = time end
  local headers = handle:headers()
  if headers:get('x-headgate-flags') then
    headers:remove('x-headgate-flags')
    headers:replace(':status', '503')
  end
end

on_response = function(handle)
  local route = facts_of(handle:metadata())
  if route and route.sole then note_sole_answer(handle, route.sole) end
  if route and route.attempts then learn_from_attempts(handle) end
  listener_response(handle)
end
