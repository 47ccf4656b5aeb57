-- Stands behind gateway.lua, in one text with it, in the listener of attempts, for those that are translated there: it makes
-- the head of an answer that of the client's API. What it has to know has come as headers.

envoy_on_request = nil

on_response = function(handle)
  local metadata = handle:streamInfo():dynamicMetadata()
  translated_response(handle, metadata, metadata:get(NS), handle:headers():get(':status'))
end
