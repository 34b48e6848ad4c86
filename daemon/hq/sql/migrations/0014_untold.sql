-- Who was not told calls for somebody from when headquarters heard of it: stores' clocks may be days behind, or ahead.
DROP INDEX message_untold_customers;
CREATE INDEX message_untold_customers ON message (store, arrived) WHERE state IN ('failed', 'expired', 'unknown') AND recipient = 'customer';
