-- What headquarters still holds of persons, by when it heard of it: what is due to go is found without reading the rest.
CREATE INDEX message_of_somebody ON message (arrived) WHERE who <> '{}' OR address <> '';
