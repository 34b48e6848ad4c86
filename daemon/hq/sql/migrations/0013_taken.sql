-- Since when each of its stores has what it tries: ms, as headquarters heard of it.
ALTER TABLE rollout ADD COLUMN taken jsonb NOT NULL DEFAULT '{}';
