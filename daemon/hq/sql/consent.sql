-- keep: the fleet's words on consent, the newest of each subject.
INSERT INTO consent (kid, medium, digest, stopped, at, clock_trusted, store, epoch, seq, how, stream_seq, body, arrived)
VALUES (%(kid)s, %(medium)s, %(digest)s, %(stopped)s, %(at)s, %(clock_trusted)s, %(store)s, %(epoch)s, %(seq)s, %(how)s, %(stream_seq)s,
    %(body)s, %(arrived)s)
ON CONFLICT (kid, medium, digest) DO UPDATE SET stopped = excluded.stopped, at = excluded.at, clock_trusted = excluded.clock_trusted,
    store = excluded.store, epoch = excluded.epoch, seq = excluded.seq, how = excluded.how, stream_seq = excluded.stream_seq,
    body = excluded.body, arrived = excluded.arrived;

-- standing: opt-outs beyond one, to be told anew to a stream that was lost.
SELECT kid, medium, digest, body FROM consent
WHERE stopped AND (kid, medium, digest) > (%(kid)s, %(medium)s, %(digest)s) ORDER BY kid, medium, digest LIMIT %(limit)s;
