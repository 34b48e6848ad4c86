-- bodies: what is known of these orders.
SELECT CAST(o.body AS TEXT) FROM json_each(:orders) AS w CROSS JOIN orders AS o ON o.seq = w.value ORDER BY w.value DESC;
