-- What an attempt took of its channel's limits stands with it also where it was refused part way; where nothing left, nothing.
UPDATE attempt SET units = 0 WHERE outcome IN ('deferred', 'rejected');

PRAGMA user_version = 20;
