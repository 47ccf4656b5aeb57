-- Stands behind attempt.lua, with the facts of one mirror before it, in the cluster through which its copies of requests go. A
-- copy knows neither route nor metadata: what the script of the listener knew comes as a header.

local FACTS = decode(MIRROR, 1)

on_request = function(handle)
  local note = url_decode(handle:headers():get('x-headgate-note'))
  known[match(note, NOTE_START)] = FACTS.route
  mirror_request(handle, FACTS.backend)
  send_on(handle, FACTS.backend.cluster, FACTS.backend)
end

envoy_on_response = nil
